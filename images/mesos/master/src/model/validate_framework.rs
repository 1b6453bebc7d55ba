//! What a framework may say of itself, in Mesos' words where it may not (protocol-flows §5).

use std::collections::BTreeSet;

use mesos_proto::mesos::FrameworkInfo;
use mesos_wire::{numbers, roles};

use super::config::Config;
use super::framework::{Capabilities, roles_of};
use super::id;
use super::quota_flaws::scalar_flaw;

/// What is asked for.
pub(crate) struct Subscription<'a> {
    pub(crate) info: &'a FrameworkInfo,
    pub(crate) suppressed: &'a [String],
}

/// Why a subscription is refused, if it is.
pub(crate) fn flaw(config: &Config, wanted: Subscription<'_>) -> Option<String> {
    let Subscription { info, suppressed } = wanted;
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
    if let Some(flaw) = roles.iter().find_map(|role| roles::flaw(role)) {
        return Some(if is_multi {
            format!("'FrameworkInfo.roles' contains invalid role: {flaw}")
        } else {
            format!("'FrameworkInfo.role' is not a valid role: {flaw}")
        });
    }
    if let Some(id) = info
        .id
        .as_ref()
        .map(|id| id.value())
        .filter(|id| !id.is_empty())
        && let Some(flaw) = id::flaw(id)
    {
        return Some(flaw);
    }
    let timeout = info.failover_timeout();
    if !is_duration(timeout) {
        return Some(format!(
            "The framework failover_timeout ({}) is invalid",
            numbers::shown(timeout, 6)
        ));
    }
    if let Some(flaw) = filters_flaw(info) {
        return Some(flaw);
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
    let strangers: BTreeSet<_> = suppressed.iter().collect();
    strangers
        .into_iter()
        .find(|role| !roles.contains(*role))
        .map(|role| format!("Suppressed role '{role}' is not contained in the list of roles"))
}

/// What a framework that is known may not change, with a new subscription either.
pub(crate) fn principal_flaw(known: &FrameworkInfo, info: &FrameworkInfo) -> Option<String> {
    (known.principal != info.principal)
        .then(|| "Changing framework's principal is not allowed.".into())
}

/// What UPDATE_FRAMEWORK refuses, where a new subscription would keep the old value in silence.
pub(crate) fn change_flaw(known: &FrameworkInfo, info: &FrameworkInfo) -> Option<String> {
    if let Some(flaw) = principal_flaw(known, info) {
        return Some(flaw);
    }
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

/// What a minimum of resources may be, in Mesos' words where it may not.
fn filters_flaw(info: &FrameworkInfo) -> Option<String> {
    let all = info
        .offer_filters
        .values()
        .flat_map(|filter| &filter.min_allocatable_resources.quantities);
    for quantities in all {
        if quantities.quantities.is_empty() {
            return Some("Resource quantities must contain at least one quantity".into());
        }
        for (name, quantity) in &quantities.quantities {
            if let Some(flaw) = scalar_flaw(quantity.value()) {
                return Some(format!("Invalid resource quantity for '{name}': {flaw}"));
            }
        }
    }
    None
}

/// Whether a number of seconds fits the nanoseconds that Mesos counts. No number passes its check.
fn is_duration(seconds: f64) -> bool {
    seconds.is_nan() || (seconds * 1e9).abs() < i64::MAX as f64
}

pub(crate) fn braces<'a>(items: impl IntoIterator<Item = &'a String>) -> String {
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

    /// A filter of offers with this many cpus at least, or with nothing at all.
    fn least(info: &mut FrameworkInfo, cpus: Option<f64>) {
        let mut scalar = mesos_proto::mesos::value::Scalar::new();
        scalar.set_value(cpus.unwrap_or_default());
        let mut quantities = mesos_proto::mesos::offer_filters::ResourceQuantities::new();
        if cpus.is_some() {
            quantities.quantities.insert("cpus".into(), scalar);
        }
        let mut filters = mesos_proto::mesos::OfferFilters::new();
        let wanted = filters.min_allocatable_resources.mut_or_insert_default();
        wanted.quantities.push(quantities);
        info.offer_filters.insert("a".into(), filters);
    }

    #[test]
    fn frameworks_are_refused_in_mesos_words() {
        type Case = (fn(&mut FrameworkInfo), Option<&'static str>);
        let cases: [Case; 16] = [
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
                |i| i.set_failover_timeout(1e30),
                Some("The framework failover_timeout (1e+30) is invalid"),
            ),
            (|i| i.set_failover_timeout(-1.0), None),
            (|i| i.set_failover_timeout(f64::NAN), None),
            (
                |i| i.set_role("/a".into()),
                Some(
                    "'FrameworkInfo.role' is not a valid role: Role '/a' cannot start with a slash",
                ),
            ),
            (
                |i| multi(i, &["a", "-b"]),
                Some(
                    "'FrameworkInfo.roles' contains invalid role: Role component '-b' is invalid because it starts with a dash",
                ),
            ),
            (
                |i| i.id.mut_or_insert_default().set_value("a/b".into()),
                Some("'a/b' contains invalid characters"),
            ),
            (
                |i| least(i, None),
                Some("Resource quantities must contain at least one quantity"),
            ),
            (
                |i| least(i, Some(-1.0)),
                Some("Invalid resource quantity for 'cpus': Negative values not supported"),
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
                Some("Suppressed role 'a' is not contained in the list of roles"),
            ),
        ];
        for (change, want) in cases {
            assert_eq!(check(change).as_deref(), want);
        }
    }
}
