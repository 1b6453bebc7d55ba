//! Which agents a framework wants offers of: offer constraints (messages.md, "OfferConstraints").
//! A role's groups are alternatives; all constraints of a group must hold.

use std::collections::BTreeMap;

use mesos_proto::mesos::{Attribute, SlaveInfo, value};
use mesos_proto::scheduler::attribute_constraint::selector::PseudoattributeType;
use mesos_proto::scheduler::{AttributeConstraint, OfferConstraints};
use regex::bytes::{Regex, RegexBuilder};

/// Constraints that were found to be valid.
#[derive(Debug, Default)]
pub struct Wishes {
    roles: BTreeMap<String, Vec<Vec<Wish>>>,
}

#[derive(Debug)]
struct Wish {
    what: What,
    test: Test,
}

#[derive(Debug)]
enum What {
    Hostname,
    Region,
    Zone,
    Attribute(String),
}

#[derive(Debug)]
enum Test {
    Exists,
    NotExists,
    Equals(String),
    NotEquals(String),
    Matches(Regex),
    NotMatches(Regex),
}

/// What a selector finds on an agent.
enum Found<'a> {
    Nothing,
    Text(&'a str),
    /// An attribute that is no text: tests of texts pass it.
    Other,
}

impl Wishes {
    /// The constraints of a framework, where a regular expression may take `memory` bytes; the error
    /// is what is wrong with them, in the original's words.
    pub fn new(constraints: &OfferConstraints, memory: usize) -> Result<Self, String> {
        let mut roles = BTreeMap::new();
        for (role, own) in &constraints.role_constraints {
            if own.groups.is_empty() {
                return Err(format!(
                    "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role {role}"
                ));
            }
            let mut groups = Vec::new();
            for group in &own.groups {
                if group.attribute_constraints.is_empty() {
                    return Err(format!(
                        "'OfferConstraints::RoleConstraints::groups' for role {role}contains an empty RoleConstraints::Group"
                    ));
                }
                let group: Result<Vec<Wish>, String> = group
                    .attribute_constraints
                    .iter()
                    .map(|constraint| Wish::new(constraint, memory))
                    .collect();
                groups.push(group.map_err(|error| {
                    format!("A role {role} has an invalid 'AttributeConstraint': {error}")
                })?);
            }
            roles.insert(role.clone(), groups);
        }
        Ok(Self { roles })
    }

    /// Whether offers of an agent are wanted in a role.
    pub fn admit(&self, role: &str, agent: &SlaveInfo) -> bool {
        self.roles.get(role).is_none_or(|groups| {
            groups
                .iter()
                .any(|group| group.iter().all(|wish| wish.holds(agent)))
        })
    }
}

impl Wish {
    fn new(constraint: &AttributeConstraint, memory: usize) -> Result<Self, String> {
        let selector = constraint.selector.get_or_default();
        let what = match (&selector.attribute_name, selector.pseudoattribute_type) {
            (Some(name), None) => What::Attribute(name.clone()),
            (None, Some(kind)) => match kind.enum_value() {
                Ok(PseudoattributeType::HOSTNAME) => What::Hostname,
                Ok(PseudoattributeType::REGION) => What::Region,
                Ok(PseudoattributeType::ZONE) => What::Zone,
                _ => return Err("Unknown pseudoattribute type".to_string()),
            },
            _ => {
                return Err("Exactly one of 'AttributeConstraint::Selector::name' or 'AttributeConstraint::Selector::pseudoattribute_type' must be set".to_string());
            }
        };
        let wanted = constraint.predicate.get_or_default();
        let test = if wanted.exists.is_some() {
            Test::Exists
        } else if wanted.not_exists.is_some() {
            Test::NotExists
        } else if let Some(text) = wanted.text_equals.as_ref() {
            Test::Equals(text.value().to_string())
        } else if let Some(text) = wanted.text_not_equals.as_ref() {
            Test::NotEquals(text.value().to_string())
        } else if let Some(text) = wanted.text_matches.as_ref() {
            Test::Matches(pattern(text.regex(), memory)?)
        } else if let Some(text) = wanted.text_not_matches.as_ref() {
            Test::NotMatches(pattern(text.regex(), memory)?)
        } else {
            return Err("Unknown predicate type".to_string());
        };
        Ok(Self { what, test })
    }

    fn holds(&self, agent: &SlaveInfo) -> bool {
        let domain = agent.domain.as_ref().and_then(|d| d.fault_domain.as_ref());
        let found = match &self.what {
            What::Hostname => Found::Text(agent.hostname()),
            What::Region => domain.map_or(Found::Nothing, |d| Found::Text(d.region.name())),
            What::Zone => domain.map_or(Found::Nothing, |d| Found::Text(d.zone.name())),
            What::Attribute(name) => agent
                .attributes
                .iter()
                .find(|attribute| attribute.name() == name)
                .map_or(Found::Nothing, of_attribute),
        };
        match (&self.test, found) {
            (Test::Exists, found) => !matches!(found, Found::Nothing),
            (Test::NotExists, found) => matches!(found, Found::Nothing),
            (Test::Equals(_) | Test::Matches(_), Found::Nothing) => false,
            (Test::NotEquals(_) | Test::NotMatches(_), Found::Nothing) => true,
            (_, Found::Other) => true,
            (Test::Equals(want), Found::Text(text)) => text == want,
            (Test::NotEquals(want), Found::Text(text)) => text != want,
            (Test::Matches(regex), Found::Text(text)) => regex.is_match(text.as_bytes()),
            (Test::NotMatches(regex), Found::Text(text)) => !regex.is_match(text.as_bytes()),
        }
    }
}

fn of_attribute(attribute: &Attribute) -> Found<'_> {
    match attribute.type_() {
        value::Type::TEXT => Found::Text(attribute.text.value()),
        _ => Found::Other,
    }
}

/// An expression that the whole text must match.
fn pattern(text: &str, memory: usize) -> Result<Regex, String> {
    let wrong = |error: regex::Error| {
        let error = error.to_string();
        let last = error.lines().last().unwrap_or_default().trim();
        format!("Failed to construct regex from pattern '{text}': {last}")
    };
    // What is no expression by itself must not become one by what is put around it.
    // Classes such as `\\d` are of ASCII, as in RE2.
    let build = |text: &str| {
        RegexBuilder::new(text)
            .unicode(false)
            .size_limit(memory)
            .build()
    };
    build(text).map_err(wrong)?;
    build(&format!("^(?:{text})$")).map_err(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesos_wire::json::{Dialect, from_value};
    use serde_json::json;

    const MEMORY: usize = 64 * 1024;

    fn wishes(groups: serde_json::Value) -> Result<Wishes, String> {
        let value = json!({"role_constraints": {"r": {"groups": groups}}});
        Wishes::new(
            &from_value(&value, Dialect::V1).expect("constraints"),
            MEMORY,
        )
    }

    fn agent() -> SlaveInfo {
        let mut info = SlaveInfo::new();
        info.set_hostname("host-1".into());
        info.attributes = mesos_wire::attributes::parse("rack:a;level:3").expect("attributes");
        info
    }

    #[test]
    fn constraints_choose_agents() {
        let rack = json!({"attribute_name": "rack"});
        let level = json!({"attribute_name": "level"});
        let none = json!({"attribute_name": "none"});
        let host = json!({"pseudoattribute_type": "HOSTNAME"});
        let zone = json!({"pseudoattribute_type": "ZONE"});
        for (selector, predicate, want) in [
            (&rack, json!({"exists": {}}), true),
            (&none, json!({"exists": {}}), false),
            (&none, json!({"not_exists": {}}), true),
            (&rack, json!({"not_exists": {}}), false),
            (&rack, json!({"text_equals": {"value": "a"}}), true),
            (&rack, json!({"text_equals": {"value": "b"}}), false),
            (&none, json!({"text_equals": {"value": "b"}}), false),
            (&level, json!({"text_equals": {"value": "b"}}), true),
            (&rack, json!({"text_not_equals": {"value": "a"}}), false),
            (&none, json!({"text_not_equals": {"value": "a"}}), true),
            (&level, json!({"text_not_equals": {"value": "3"}}), true),
            (
                &host,
                json!({"text_matches": {"regex": "host-[0-9]"}}),
                true,
            ),
            (&host, json!({"text_matches": {"regex": "host"}}), false),
            (&host, json!({"text_matches": {"regex": "x|host-1"}}), true),
            (
                &host,
                json!({"text_not_matches": {"regex": "host-.*"}}),
                false,
            ),
            (&zone, json!({"exists": {}}), false),
        ] {
            let case = format!("{selector} {predicate}");
            let group = json!([{"attribute_constraints": [{"selector": selector, "predicate": predicate}]}]);
            let wishes = wishes(group).expect(&case);
            assert_eq!(wishes.admit("r", &agent()), want, "case `{case}`");
            assert!(wishes.admit("another", &agent()), "case `{case}`");
        }
    }

    #[test]
    fn groups_are_alternatives_and_constraints_are_not() {
        let is = |value: &str| json!({"selector": {"attribute_name": "rack"}, "predicate": {"text_equals": {"value": value}}});
        let groups =
            json!([{"attribute_constraints": [is("b")]}, {"attribute_constraints": [is("a")]}]);
        assert!(wishes(groups).expect("valid").admit("r", &agent()));
        let groups = json!([{"attribute_constraints": [is("a"), is("b")]}]);
        assert!(!wishes(groups).expect("valid").admit("r", &agent()));
    }

    #[test]
    fn invalid_constraints_are_named() {
        let with = |constraint: serde_json::Value| json!([{"attribute_constraints": [constraint]}]);
        let exists = json!({"exists": {}});
        let name = json!({"attribute_name": "rack"});
        for (groups, want) in [
            (
                json!([]),
                "'OfferConstraints::role_constraints' has an empty 'RoleConstraints::groups' for role r",
            ),
            (
                json!([{}]),
                "'OfferConstraints::RoleConstraints::groups' for role rcontains an empty RoleConstraints::Group",
            ),
            (
                with(json!({"selector": {}, "predicate": exists})),
                "A role r has an invalid 'AttributeConstraint': Exactly one of 'AttributeConstraint::Selector::name' or 'AttributeConstraint::Selector::pseudoattribute_type' must be set",
            ),
            (
                with(json!({"selector": {"pseudoattribute_type": "UNKNOWN"}, "predicate": exists})),
                "A role r has an invalid 'AttributeConstraint': Unknown pseudoattribute type",
            ),
            (
                with(json!({"selector": name, "predicate": {}})),
                "A role r has an invalid 'AttributeConstraint': Unknown predicate type",
            ),
        ] {
            assert_eq!(wishes(groups).expect_err(want), want);
        }
        for regex in ["(", "a)(b", "(.{1000}){1000}"] {
            let groups =
                with(json!({"selector": name, "predicate": {"text_matches": {"regex": regex}}}));
            let error = wishes(groups).expect_err(regex);
            let start = format!(
                "A role r has an invalid 'AttributeConstraint': Failed to construct regex from pattern '{regex}': "
            );
            assert!(error.starts_with(&start), "{error}");
        }
    }
}
