//! A container's id with those of all it is nested in (v1-api.md, section 11).

use std::fmt;

use mesos_proto::mesos::ContainerID;
use protobuf::MessageField;

use crate::paths;

/// The most characters of an id as text.
const MAX_TEXT: usize = 242;
/// More levels than anybody nests; ids come from outside, and are walked.
const MAX_DEPTH: usize = 32;

/// The ids from the outermost container to this one. Never empty.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
pub struct Chain(Vec<String>);

impl Chain {
    /// An outermost container.
    pub fn root(id: &str) -> Self {
        Self(vec![id.to_string()])
    }

    /// Reads an id; the error says what is wrong with it.
    pub fn read(id: &ContainerID) -> Result<Self, String> {
        let mut chain = Vec::new();
        let mut level = Some(id);
        let mut prefix = String::new();
        while let Some(id) = level {
            let value = id.value();
            if let Some(flaw) = flaw(value) {
                return Err(format!("{prefix}{flaw}"));
            }
            chain.push(value.to_string());
            if chain.len() > MAX_DEPTH {
                return Err(format!("more than {MAX_DEPTH} levels of nesting"));
            }
            prefix.push_str("'ContainerID.parent' is invalid: ");
            level = id.parent.as_ref();
        }
        chain.reverse();
        let chain = Self(chain);
        let length = chain.to_string().len();
        if length > MAX_TEXT {
            return Err(format!(
                "'ContainerID' of {length} characters exceeds the maximum of {MAX_TEXT}"
            ));
        }
        Ok(chain)
    }

    /// The id as a message.
    pub fn proto(&self) -> MessageField<ContainerID> {
        let mut parent = MessageField::none();
        for value in &self.0 {
            let mut id = ContainerID::new();
            id.set_value(value.clone());
            id.parent = std::mem::replace(&mut parent, MessageField::none());
            parent = MessageField::some(id);
        }
        parent
    }

    /// The container that it is directly nested in.
    pub fn parent(&self) -> Option<Self> {
        let (_, outer) = self.0.split_last()?;
        (!outer.is_empty()).then(|| Self(outer.to_vec()))
    }

    /// The outermost container's id.
    pub fn outermost(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }

    /// Its own id.
    pub fn own(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// All ids, the outermost first.
    pub fn levels(&self) -> &[String] {
        &self.0
    }

    /// Whether it is nested in the other, at whatever depth.
    pub fn is_inside(&self, other: &Self) -> bool {
        self.0.len() > other.0.len() && self.0.starts_with(&other.0)
    }
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}

fn flaw(id: &str) -> Option<String> {
    if id.is_empty() {
        return Some("ID must not be empty".to_string());
    }
    if id.len() > 255 {
        return Some("ID must not be greater than 255 characters".to_string());
    }
    if id == "." || id == ".." {
        return Some(format!("'{id}' is disallowed"));
    }
    if !paths::is_safe_id(id) {
        return Some(format!(
            "'{}' contains invalid characters",
            id.escape_debug()
        ));
    }
    // Dots separate the levels of an id as text.
    id.contains(['.', ' '])
        .then(|| format!("'ContainerID.value' '{id}' contains invalid characters"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proto(levels: &[&str]) -> ContainerID {
        Chain(levels.iter().map(ToString::to_string).collect())
            .proto()
            .unwrap_or_default()
    }

    #[test]
    fn ids_are_read_from_the_outermost_inwards() {
        let chain = Chain::read(&proto(&["a", "b", "c"])).expect("fine");
        assert_eq!(chain.to_string(), "a.b.c");
        assert_eq!((chain.outermost(), chain.own()), ("a", "c"));
        let parent = chain.parent().expect("one");
        assert_eq!(parent.to_string(), "a.b");
        assert!(chain.is_inside(&parent) && chain.is_inside(&Chain::root("a")));
        assert!(!chain.is_inside(&chain) && !parent.is_inside(&chain));
        assert_eq!(Chain::root("a").parent(), None);
        assert_eq!(Chain::read(&chain.proto()).expect("fine"), chain);
    }

    #[test]
    fn ids_that_cannot_be_names_are_refused() {
        let long = "x".repeat(200);
        let cases: [(&[&str], &str); 8] = [
            (&[""], "ID must not be empty"),
            (&[".."], "'..' is disallowed"),
            (&["a/b"], "'a/b' contains invalid characters"),
            (
                &["a b"],
                "'ContainerID.value' 'a b' contains invalid characters",
            ),
            (
                &["a.b"],
                "'ContainerID.value' 'a.b' contains invalid characters",
            ),
            (&["a\n"], "'a\\n' contains invalid characters"),
            (
                &["", "b"],
                "'ContainerID.parent' is invalid: ID must not be empty",
            ),
            (
                &[&long, &long],
                "'ContainerID' of 401 characters exceeds the maximum of 242",
            ),
        ];
        for (levels, want) in cases {
            assert_eq!(Chain::read(&proto(levels)).expect_err(want), want);
        }
        let deep = vec!["a"; 40];
        assert!(Chain::read(&proto(&deep)).is_err());
    }
}
