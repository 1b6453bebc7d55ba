//! Mesos' ids as types of their own, so that one kind is never taken for another. They are shared
//! texts: copying one costs a counter.

use std::fmt;
use std::sync::Arc;

use mesos_proto::mesos;

macro_rules! id {
    ($name:ident, $proto:ident, $what:literal) => {
        #[doc = $what]
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The id with this text.
            pub fn new(text: impl AsRef<str>) -> Self {
                Self(Arc::from(text.as_ref()))
            }

            /// Its text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Its message.
            pub fn proto(&self) -> mesos::$proto {
                let mut proto = mesos::$proto::new();
                proto.set_value(self.0.to_string());
                proto
            }

            /// Its message, for a field.
            pub fn field(&self) -> protobuf::MessageField<mesos::$proto> {
                protobuf::MessageField::some(self.proto())
            }
        }

        impl From<&mesos::$proto> for $name {
            fn from(proto: &mesos::$proto) -> Self {
                Self::new(proto.value())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(AgentId, SlaveID, "Names an agent: `<master id>-S<n>`.");
id!(
    FrameworkId,
    FrameworkID,
    "Names a framework: `<master id>-NNNN`."
);
id!(OfferId, OfferID, "Names an offer: `<master id>-O<n>`.");
id!(TaskId, TaskID, "Names a task within its framework.");
id!(
    ExecutorId,
    ExecutorID,
    "Names an executor within its framework and agent."
);

/// Most bytes in an id that a framework chooses.
const MAX_ID_BYTES: usize = 255;

/// Why an id that a framework chose cannot be used, as Mesos says it; `None` if it can.
pub(crate) fn flaw(id: &str) -> Option<String> {
    if id.is_empty() {
        Some("ID must not be empty".to_string())
    } else if id.len() > MAX_ID_BYTES {
        Some(format!(
            "ID must not be greater than {MAX_ID_BYTES} characters"
        ))
    } else if id == "." || id == ".." {
        Some(format!("'{id}' is disallowed"))
    } else if id.chars().any(|c| c.is_control() || c == '/' || c == '\\') {
        Some(format!("'{id}' contains invalid characters"))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_that_would_break_a_path_are_refused() {
        for good in ["a", "task-1", "a.b", "...", "ä"] {
            assert_eq!(flaw(good), None, "case `{good}`");
        }
        let long = "x".repeat(256);
        for bad in ["", ".", "..", "a/b", "a\\b", "a\nb", &long] {
            assert!(flaw(bad).is_some(), "case `{bad}`");
        }
    }

    #[test]
    fn an_id_is_the_same_in_its_message() {
        let id = AgentId::new("m-S0");
        assert_eq!(AgentId::from(&id.proto()), id);
        assert_eq!(id.to_string(), "m-S0");
    }
}
