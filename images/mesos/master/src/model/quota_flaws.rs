//! What is wrong with a quota, in Mesos' words.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::FpCategory;

use mesos_proto::mesos::value;
use mesos_proto::quota::{QuotaConfig, QuotaRequest};
use mesos_wire::resources::thousandths;
use mesos_wire::roles;

/// An exabyte in megabytes.
const MOST_MEMORY: i64 = 1 << 40;

/// A trillion.
const MOST: i64 = 1_000_000_000_000;

/// What is wrong with a role's quota; `None` if nothing is.
pub(super) fn of_config(config: &QuotaConfig) -> Option<String> {
    if let Some(flaw) = roles::flaw(config.role()) {
        return Some(format!("Invalid 'QuotaConfig.role': {flaw}"));
    }
    let parts = [
        ("guarantees", "guarantee", &config.guarantees),
        ("limits", "limit", &config.limits),
    ];
    for (field, _, scalars) in parts {
        if let Some(flaw) = sorted(scalars).find_map(|(name, value)| too_large(name, value)) {
            return Some(format!("Invalid 'QuotaConfig.{field}': {flaw}"));
        }
    }
    for (_, part, scalars) in parts {
        for (name, value) in sorted(scalars) {
            if let Some(flaw) = scalar_flaw(value) {
                return Some(format!(
                    "Invalid {part} configuration {{'{name}': {value}}}: {flaw}"
                ));
            }
        }
    }
    let is_within = sorted(&config.guarantees).all(|(name, guarantee)| {
        config
            .limits
            .get(name)
            .is_none_or(|limit| thousandths(guarantee) <= thousandths(limit.value()))
    });
    (!is_within).then(|| {
        format!(
            "'QuotaConfig.guarantees' {} is not contained within the 'QuotaConfig.limits' {}",
            braces(&config.guarantees),
            braces(&config.limits)
        )
    })
}

/// What is wrong with a request in the old form, whose resources are valid.
pub(super) fn of_request(request: &QuotaRequest) -> Option<String> {
    if let Some(flaw) = roles::flaw(request.role()) {
        return Some(format!("QuotaInfo with invalid role: {flaw}"));
    }
    if request.guarantee.is_empty() {
        return Some("QuotaInfo with empty 'guarantee'".to_string());
    }
    let mut names = BTreeSet::new();
    for resource in &request.guarantee {
        let is_reserved = !resource.reservations.is_empty()
            || resource.reservation.is_some()
            || (resource.has_role() && resource.role() != "*");
        let flaw = if is_reserved {
            "QuotaInfo must not contain any ReservationInfo"
        } else if resource.disk.is_some() {
            "QuotaInfo must not contain DiskInfo"
        } else if resource.revocable.is_some() {
            "QuotaInfo must not contain RevocableInfo"
        } else if resource.type_() != value::Type::SCALAR {
            "QuotaInfo must not include non-scalar resources"
        } else if !names.insert(resource.name()) {
            return Some(format!(
                "QuotaInfo contains duplicate resource name '{}'",
                resource.name()
            ));
        } else {
            continue;
        };
        return Some(flaw.to_string());
    }
    None
}

fn sorted(scalars: &HashMap<String, value::Scalar>) -> impl Iterator<Item = (&str, f64)> {
    let sorted: BTreeMap<&str, f64> = scalars
        .iter()
        .map(|(name, scalar)| (name.as_str(), scalar.value()))
        .collect();
    sorted.into_iter()
}

fn too_large(name: &str, value: f64) -> Option<String> {
    let (most, words) = match name {
        "mem" | "disk" => (MOST_MEMORY, "1 exabyte"),
        _ => (MOST, "1 trillion"),
    };
    (value > most as f64).then(|| {
        format!(
            "{{'{name}': {value}}} is invalid: values greater than {words} ({most}) are not supported"
        )
    })
}

/// What is wrong with an amount.
pub(super) fn scalar_flaw(value: f64) -> Option<&'static str> {
    match value.classify() {
        FpCategory::Infinite => Some("Infinite values not supported"),
        FpCategory::Nan => Some("NaN not supported"),
        FpCategory::Subnormal => Some("Subnormal values not supported"),
        FpCategory::Normal if value < 0.0 => Some("Negative values not supported"),
        FpCategory::Zero | FpCategory::Normal => None,
    }
}

fn braces(scalars: &HashMap<String, value::Scalar>) -> String {
    let parts: Vec<String> = sorted(scalars)
        .map(|(name, value)| format!("{name}: {value}"))
        .collect();
    format!("{{ {} }}", parts.join(", "))
}
