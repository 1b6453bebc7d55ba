//! Pystachio's references in text: `{{name}}`, `{{thermos.ports[http]}}`, and `{{&name}}` for the
//! literal text `{{name}}`.

/// A part of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fragment {
    /// As it stands.
    Text(String),
    /// A reference, by its steps.
    Reference(Vec<String>),
}

/// The longest reference that is looked at, in bytes.
const MAX_REFERENCE: usize = 4096;

/// Splits a text. What looks like a reference but is none (`{{.Name}}`) is text.
pub fn fragments(text: &str) -> Vec<Fragment> {
    let mut found = Vec::new();
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        // Of `{{{{x}}`, only the innermost braces hold a reference.
        let inner_start = after.len() - after.trim_start_matches('{').len();
        let (extra, inner) = after.split_at_checked(inner_start).unwrap_or(("", after));
        plain.push_str(before);
        plain.push_str(extra);
        let close = inner.find(['{', '}']).filter(|at| *at <= MAX_REFERENCE);
        let parts = close.and_then(|at| inner.split_at_checked(at));
        match parts {
            Some((name, tail)) if tail.starts_with("}}") => {
                let tail = tail.strip_prefix("}}").unwrap_or(tail);
                match (name.strip_prefix('&'), steps(name)) {
                    (Some(literal), _) => {
                        plain.push_str("{{");
                        plain.push_str(literal);
                        plain.push_str("}}");
                    }
                    (None, Some(steps)) => {
                        if !plain.is_empty() {
                            found.push(Fragment::Text(std::mem::take(&mut plain)));
                        }
                        found.push(Fragment::Reference(steps));
                    }
                    (None, None) => {
                        plain.push_str("{{");
                        plain.push_str(name);
                        plain.push_str("}}");
                    }
                }
                rest = tail;
            }
            _ => {
                plain.push_str("{{");
                rest = inner;
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        found.push(Fragment::Text(plain));
    }
    found
}

/// The steps of a reference: `a.b[c]` is `a`, `b`, `c`. `None` where it is not one.
fn steps(reference: &str) -> Option<Vec<String>> {
    let mut steps = Vec::new();
    let mut rest = reference;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at_checked(end)?;
        if !is_identifier(name) {
            return None;
        }
        steps.push(name.to_string());
        rest = after;
        while let Some(indexed) = rest.strip_prefix('[') {
            let (index, after) = indexed.split_once(']')?;
            let allowed = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
            if index.is_empty() || !index.chars().all(allowed) {
                return None;
            }
            steps.push(index.to_string());
            rest = after;
        }
        match rest.strip_prefix('.') {
            Some(after) => rest = after,
            None if rest.is_empty() => return Some(steps),
            None => return None,
        }
    }
}

fn is_identifier(name: &str) -> bool {
    let mut chars = name.chars();
    chars.next().is_some_and(|c| c.is_alphabetic() || c == '_')
        && chars.all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(text: &str) -> String {
        fragments(text)
            .iter()
            .map(|fragment| match fragment {
                Fragment::Text(text) => format!("'{text}'"),
                Fragment::Reference(steps) => format!("<{}>", steps.join("|")),
            })
            .collect()
    }

    #[test]
    fn references_are_told_from_text() {
        let cases = [
            ("", ""),
            ("plain", "'plain'"),
            ("a{{b}}c", "'a'<b>'c'"),
            ("{{thermos.ports[http-alt]}}", "<thermos|ports|http-alt>"),
            ("{{a[0][1].b}}", "<a|0|1|b>"),
            ("{{&literal}}", "'{{literal}}'"),
            ("{{.Name}} {{ x }}", "'{{.Name}} {{ x }}'"),
            ("{{}}", "'{{}}'"),
            ("{{open", "'{{open'"),
            ("{{{{x}}}}", "'{{'<x>'}}'"),
            ("{{a}}{{b}}", "<a><b>"),
            ("{{a}b}} {{c}}", "'{{a}b}} '<c>"),
            ("awk '{{print $1}}'", "'awk '{{print $1}}''"),
            ("ünï {{x}} ö", "'ünï '<x>' ö'"),
        ];
        for (text, want) in cases {
            assert_eq!(show(text), want, "case `{text}`");
        }
    }

    proptest::proptest! {
        #[test]
        fn text_without_references_is_kept(text in "[a-z{}&. ]{0,40}") {
            let kept: Option<String> = fragments(&text).into_iter().map(|f| match f {
                Fragment::Text(text) => Some(text),
                Fragment::Reference(_) => None,
            }).collect();
            if let Some(kept) = kept
                && !text.contains("{{&")
            {
                proptest::prop_assert_eq!(kept, text);
            }
        }
    }
}
