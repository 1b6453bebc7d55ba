//! What one peer may do.

use std::sync::Arc;

use super::{Acls, Action};

/// What somebody may do: everything, where there are no lists.
#[derive(Debug, Clone, Default)]
pub struct Rights {
    acls: Option<Arc<Acls>>,
    principal: Option<String>,
}

impl Rights {
    /// Those that the lists give a principal, or whoever was not asked for one.
    pub fn new(acls: Option<&Arc<Acls>>, principal: Option<&str>) -> Self {
        Self {
            acls: acls.cloned(),
            principal: principal.map(str::to_string),
        }
    }

    /// Whether there are lists at all.
    pub fn are_limited(&self) -> bool {
        self.acls.is_some()
    }

    /// Whether this may be done to an object: a role, a user or a principal, as the action's list has them.
    pub fn allow(&self, action: Action, object: &str) -> bool {
        self.judge(action, Some(object))
    }

    /// Whether this may be done where there is but one object, or to any object.
    pub fn allow_any(&self, action: Action) -> bool {
        self.judge(action, None)
    }

    fn judge(&self, action: Action, object: Option<&str>) -> bool {
        let subject = self.principal.as_deref();
        self.acls
            .as_ref()
            .is_none_or(|acls| acls.allow(subject, action, object))
    }
}
