//! What a framework may say of itself, in Mesos' words where it may not (protocol-flows §5).

use std::collections::BTreeSet;

use mesos_proto::mesos::FrameworkInfo;

use super::config::Config;
use super::framework::{Capabilities, roles_of};
use super::id;

/// What is asked for.
pub(crate) struct Subscription<'a> {
    pub(crate) info: &'a FrameworkInfo,
    pub(crate) suppressed: &'a [String],
    /// What the framework said before.
    pub(crate) known: Option<&'a FrameworkInfo>,
}

/// Why a subscription is refused, if it is.
pub(crate) fn flaw(config: &Config, wanted: Subscription<'_>) -> Option<String> {
    let Subscription {
        info,
        suppressed,
        known,
    } = wanted;
    let is_multi = Capabilities::of(info).multi_role;
    if is_multi && info.has_role() {
        return Some(
            "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable".into(),
        );
    }
    if !is_multi && !info.roles.is_empty() {
        return Some(
            "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable"
                .into(),
        );
    }
    let roles = roles_of(info);
    if is_multi && roles.len() < info.roles.len() {
        let mut seen = BTreeSet::new();
        let twice: BTreeSet<_> = info
            .roles
            .iter()
            .filter(|role| !seen.insert(*role))
            .collect();
        return Some(format!(
            "'FrameworkInfo.roles' contains duplicate items: {}",
            braces(twice)
        ));
    }
    if let Some(flaw) = roles.iter().find_map(|role| role_flaw(role)) {
        return Some(format!(
            "'FrameworkInfo.roles' contains an invalid role: {flaw}"
        ));
    }
    if let Some(id) = info
        .id
        .as_ref()
        .map(|id| id.value())
        .filter(|id| !id.is_empty())
        && let Some(flaw) = id::flaw(id)
    {
        return Some(format!("Framework ID '{id}' is invalid: {flaw}"));
    }
    let timeout = info.failover_timeout();
    if timeout < 0.0 || std::time::Duration::try_from_secs_f64(timeout).is_err() {
        return Some(format!(
            "The framework failover_timeout ({timeout}) is invalid"
        ));
    }
    if let Some(allowed) = &config.roles {
        let others: BTreeSet<_> = roles.difference(allowed).collect();
        if !others.is_empty() {
            return Some(format!(
                "Roles {} are not present in the master's --roles",
                braces(others)
            ));
        }
    }
    if info.user() == "root" && !config.root_submissions {
        return Some(
            "User 'root' is not allowed to run frameworks without --root_submissions set".into(),
        );
    }
    let strangers: BTreeSet<_> = suppressed
        .iter()
        .filter(|role| !roles.contains(*role))
        .collect();
    if !strangers.is_empty() {
        return Some(format!(
            "Suppressed roles {} are not contained in the set of roles",
            braces(strangers)
        ));
    }
    if known.is_some_and(|known| known.principal != info.principal) {
        return Some("Changing framework's principal is not allowed.".into());
    }
    None
}

/// What UPDATE_FRAMEWORK refuses, where a new subscription would keep the old value in silence.
pub(crate) fn change_flaw(known: &FrameworkInfo, info: &FrameworkInfo) -> Option<String> {
    if known.user() != info.user() {
        return Some(format!(
            "Updating 'FrameworkInfo.user' is unsupported; attempted to update from '{}' to '{}'",
            known.user(),
            info.user()
        ));
    }
    (known.checkpoint() != info.checkpoint()).then(|| {
        format!(
            "Updating 'FrameworkInfo.checkpoint' is unsupported; attempted to update from '{}' to '{}'",
            known.checkpoint(),
            info.checkpoint()
        )
    })
}

/// Why a text is no role (messages.md, "Role names"); `None` if it is.
pub(crate) fn role_flaw(role: &str) -> Option<String> {
    let is_blank = |c: char| matches!(c, '\t' | '\n' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{7f}');
    if role == "*" {
        return None;
    }
    if role.is_empty() {
        return Some("Empty role name is invalid".into());
    }
    if role.starts_with('/') || role.ends_with('/') {
        return Some(format!("Role '{role}' cannot start or end with a slash"));
    }
    if role.chars().any(|c| is_blank(c) || c == '\\') {
        return Some(format!(
            "Role '{role}' cannot contain blanks or backslashes"
        ));
    }
    for part in role.split('/') {
        match part {
            "" => return Some(format!("Role '{role}' cannot contain two adjacent slashes")),
            "." | ".." | "*" => {
                return Some(format!(
                    "Role '{role}' cannot include '{part}' as a component"
                ));
            }
            _ if part.starts_with('-') => {
                return Some(format!(
                    "Role component '{part}' is invalid because it begins with a dash"
                ));
            }
            _ => {}
        }
    }
    None
}

fn braces<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
    let items: Vec<&str> = items.into_iter().map(String::as_str).collect();
    format!("{{ {} }}", items.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut FrameworkInfo)) -> Option<String> {
        let mut info = FrameworkInfo::new();
        info.set_user("nobody".into());
        info.set_name("test".into());
        change(&mut info);
        let config = Config {
            roles: Some(["*".to_string(), "a".to_string(), "b".to_string()].into()),
            root_submissions: false,
            ..Config::default()
        };
        flaw(
            &config,
            Subscription {
                info: &info,
                suppressed: &["a".to_string()][..usize::from(info.name() == "suppressed")],
                known: None,
            },
        )
    }

    fn multi(info: &mut FrameworkInfo, roles: &[&str]) {
        use mesos_proto::mesos::framework_info::{Capability, capability::Type};
        let mut capability = Capability::new();
        capability.set_type(Type::MULTI_ROLE);
        info.capabilities.push(capability);
        info.roles = roles.iter().map(|r| r.to_string()).collect();
    }

    #[test]
    fn frameworks_are_refused_in_mesos_words() {
        type Case = (fn(&mut FrameworkInfo), Option<&'static str>);
        let cases: [Case; 9] = [
            (|_| (), None),
            (|i| multi(i, &["a", "b"]), None),
            (
                |i| {
                    multi(i, &["a"]);
                    i.set_role("a".into());
                },
                Some(
                    "'FrameworkInfo.role' must not be set when the framework is MULTI_ROLE capable",
                ),
            ),
            (
                |i| i.roles.push("a".into()),
                Some(
                    "'FrameworkInfo.roles' must not be set when the framework is not MULTI_ROLE capable",
                ),
            ),
            (
                |i| multi(i, &["a", "a"]),
                Some("'FrameworkInfo.roles' contains duplicate items: { a }"),
            ),
            (
                |i| i.set_failover_timeout(-1.0),
                Some("The framework failover_timeout (-1) is invalid"),
            ),
            (
                |i| i.set_role("c".into()),
                Some("Roles { c } are not present in the master's --roles"),
            ),
            (
                |i| i.set_user("root".into()),
                Some("User 'root' is not allowed to run frameworks without --root_submissions set"),
            ),
            (
                |i| i.set_name("suppressed".into()),
                Some("Suppressed roles { a } are not contained in the set of roles"),
            ),
        ];
        for (change, want) in cases {
            assert_eq!(check(change).as_deref(), want);
        }
    }

    #[test]
    fn roles_are_paths_without_surprises() {
        for good in ["*", "a", "a/b", "a-b", "a.b"] {
            assert_eq!(role_flaw(good), None, "case `{good}`");
        }
        for bad in [
            "", ".", "..", "-a", "/a", "a/", "a//b", "a b", "a\\b", "a/../b", "a/*",
        ] {
            assert!(role_flaw(bad).is_some(), "case `{bad}`");
        }
    }
}
