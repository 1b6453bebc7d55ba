//! The lists of `--acls`, read and checked. The first entry of a list that matches decides; where none does,
//! `permissive` does.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesos_proto::acls::ACLs;
use mesos_proto::acls::acl::Entity;
use mesos_proto::acls::acl::entity::Type;
use protobuf::MessageFull as _;
use protobuf::reflect::{MessageRef, ReflectValueRef};
use serde_json::{Value, json};
use thiserror::Error;

use super::{Action, ENDPOINTS};
use crate::json::{self, Dialect, from_value};

/// Why a text is no set of lists.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum AclsError {
    /// It is no JSON object.
    #[error("{0}")]
    Syntax(String),
    /// An entry is not what it should be.
    #[error("`{place}`: {reason}")]
    Entry {
        /// The list, and which of its entries.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
}

/// Who may do what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acls {
    permissive: bool,
    lists: BTreeMap<String, Vec<Rule>>,
    strange: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Rule {
    subjects: Matcher,
    objects: Matcher,
}

/// Whom or what an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Matcher {
    Any,
    None,
    /// One of these; `a/%` stands for all roles below `a` where the list is about roles.
    Some {
        values: Vec<String>,
        are_roles: bool,
    },
}

impl Matcher {
    fn new(entity: &Entity, are_roles: bool) -> Self {
        let values = entity.values.clone();
        // The original takes one branch of roles for what it is, whatever the type says.
        let is_branch = are_roles && matches!(values.as_slice(), [one] if one.ends_with("/%"));
        match entity.type_() {
            Type::ANY if !is_branch => Self::Any,
            Type::NONE if !is_branch => Self::None,
            _ => Self::Some { values, are_roles },
        }
    }

    /// Whether the entry is about this one; `None` stands for any, and for nobody in particular.
    fn covers(&self, one: Option<&str>) -> bool {
        match (self, one) {
            (Self::Any | Self::None, _) => true,
            (Self::Some { .. }, None) => false,
            (Self::Some { values, are_roles }, Some(one)) => values.iter().any(|value| match value
                .strip_suffix('%')
                .filter(|_| *are_roles)
            {
                Some(branch) if branch.ends_with('/') => one.starts_with(branch),
                _ => value == one,
            }),
        }
    }
}

impl Acls {
    /// Reads the flag's text.
    pub fn parse(text: &str) -> Result<Self, AclsError> {
        let value = json::parse(text.as_bytes()).map_err(AclsError::Syntax)?;
        let Value::Object(object) = &value else {
            return Err(AclsError::Syntax("a JSON object is expected".to_string()));
        };
        let all: ACLs = from_value(&value, Dialect::V0).map_err(|error| locate(&value, &error))?;
        let known = |name: &String| ACLs::descriptor().field_by_name(name).is_some();
        let mut acls = Self {
            permissive: all.permissive(),
            lists: BTreeMap::new(),
            strange: object.keys().filter(|name| !known(name)).cloned().collect(),
        };
        for field in ACLs::descriptor().fields() {
            if !field.is_repeated() {
                continue;
            }
            let name = field.name();
            for (index, entry) in field.get_repeated(&all).into_iter().enumerate() {
                let ReflectValueRef::Message(entry) = entry else {
                    continue;
                };
                let rule = rule(&entry).map_err(|reason| AclsError::Entry {
                    place: format!("{name}[{index}]"),
                    reason,
                })?;
                acls.lists.entry(name.to_string()).or_default().push(rule);
            }
        }
        Ok(acls)
    }

    /// The lists of a flag; none where it is not given.
    pub fn of_flag(text: Option<&str>) -> Result<Option<Arc<Self>>, AclsError> {
        text.map(|text| Self::parse(text).map(Arc::new)).transpose()
    }

    /// Names that no list has: whoever wrote them means something else.
    pub fn strange(&self) -> &[String] {
        &self.strange
    }

    /// Whether a principal, or nobody in particular, may do this to an object, or to any.
    pub fn allow(&self, subject: Option<&str>, action: Action, object: Option<&str>) -> bool {
        let rules = self.lists.get(action.list()).into_iter().flatten();
        let mut matching =
            rules.filter(|rule| rule.subjects.covers(subject) && rule.objects.covers(object));
        match matching.next() {
            Some(rule) => rule.subjects != Matcher::None && rule.objects != Matcher::None,
            None => self.permissive,
        }
    }
}

/// An entry as a rule: its first field is who, its second is on what.
fn rule(entry: &MessageRef<'_>) -> Result<Rule, String> {
    let descriptor = entry.descriptor_dyn();
    let entity = |number| {
        let field = descriptor.field_by_number(number)?;
        match field.get_singular(&**entry)? {
            ReflectValueRef::Message(inner) => {
                Some((field, inner.downcast_ref::<Entity>()?.clone()))
            }
            _ => None,
        }
    };
    let (Some((_, subjects)), Some((field, objects))) = (entity(1), entity(2)) else {
        return Err("both fields are expected".to_string());
    };
    match field.name() {
        "roles" | "framework_principals" | "reserver_principals" | "creator_principals" => {}
        "users" if !descriptor.name().ends_with("StandaloneContainer") => {}
        "paths" => {
            let mut paths = objects.values.iter();
            let stranger = paths.find(|path| !ENDPOINTS.contains(&path.as_str()));
            if let (Type::SOME, Some(path)) = (objects.type_(), stranger) {
                return Err(format!("Path: '{path}' is not an authorizable path"));
            }
        }
        // What these are about is one thing, or all of a kind.
        _ if objects.type_() == Type::SOME => {
            let name = descriptor.name();
            return Err(format!("ACL.{name} type must be either NONE or ANY"));
        }
        _ => {}
    }
    Ok(Rule {
        subjects: Matcher::new(&subjects, false),
        objects: Matcher::new(&objects, field.name() == "roles"),
    })
}

/// Says where the flaw is that makes the whole unreadable: in the first entry that cannot be read alone.
fn locate(whole: &Value, error: &json::JsonError) -> AclsError {
    let entries = whole
        .as_object()
        .into_iter()
        .flatten()
        .flat_map(|(name, list)| {
            let entries = list.as_array().into_iter().flatten().enumerate();
            entries.map(move |(index, entry)| (name, index, entry))
        });
    let mut flaws = entries.filter_map(|(name, index, entry)| {
        let alone = from_value::<ACLs>(&json!({ name: [entry] }), Dialect::V0);
        let error = alone.err()?;
        Some(AclsError::Entry {
            place: format!("{name}[{index}]"),
            // Alone, each is the first.
            reason: error.reason().replace(&format!("{name}[0]."), ""),
        })
    });
    flaws
        .next()
        .unwrap_or_else(|| AclsError::Syntax(error.reason().to_string()))
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
