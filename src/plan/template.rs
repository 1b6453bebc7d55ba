//! `{placeholders}` in a profile's values.

use std::collections::BTreeMap;

use crate::spelling::{nearest, quoted};

/// A placeholder that means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{{{found}}}` in `{text}` means nothing to `{node}`; allowed are {allowed}", allowed = quoted(.known.iter().map(String::as_str)))]
pub struct TemplateError {
    found: String,
    text: String,
    node: String,
    known: Vec<String>,
}

impl TemplateError {
    pub(super) fn hint(&self) -> String {
        match nearest(&self.found, self.known.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{{{meant}}}`?"),
            None => "write `{{` and `}}` for braces that are meant as such".to_owned(),
        }
    }
}

/// What placeholders stand for in one node's values.
#[derive(Debug, Clone)]
pub(super) struct Values {
    pub(super) node: String,
    pub(super) values: BTreeMap<String, String>,
}

impl Values {
    /// The text with every placeholder replaced; `{{` and `}}` are braces.
    pub(super) fn expand(&self, text: &str) -> Result<String, TemplateError> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (before, brace) = rest.split_at(at);
            out.push_str(before);
            if let Some(after) = brace.strip_prefix("{{") {
                out.push('{');
                rest = after;
            } else if let Some(after) = brace.strip_prefix("}}") {
                out.push('}');
                rest = after;
            } else if let Some((name, after)) = brace
                .strip_prefix('{')
                .and_then(|inner| inner.split_once('}'))
            {
                out.push_str(
                    self.values
                        .get(name)
                        .ok_or_else(|| self.unknown(name, text))?,
                );
                rest = after;
            } else {
                return Err(self.unknown(brace.trim_matches(['{', '}']), text));
            }
        }
        out.push_str(rest);
        Ok(out)
    }

    fn unknown(&self, found: &str, text: &str) -> TemplateError {
        TemplateError {
            found: found.to_owned(),
            text: text.to_owned(),
            node: self.node.clone(),
            known: self.values.keys().cloned().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values() -> Values {
        let values = [
            ("index", "2"),
            ("mesos-master.zk", "zk://zookeeper:2181/mesos"),
        ];
        Values {
            node: "n".to_owned(),
            values: values
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
        }
    }

    #[test]
    fn placeholders_are_replaced_and_doubled_braces_kept() {
        let cases = [
            ("rack:{index}", Some("rack:2")),
            ("{mesos-master.zk}", Some("zk://zookeeper:2181/mesos")),
            ("{{index}}", Some("{index}")),
            ("plain", Some("plain")),
            ("{idnex}", None),
            ("{index", None),
            ("index}", None),
        ];
        for (text, want) in cases {
            assert_eq!(values().expand(text).ok().as_deref(), want, "case `{text}`");
        }
        assert_eq!(
            values().expand("{idnex}").unwrap_err().hint(),
            "did you mean `{index}`?"
        );
    }
}
