//! Validation of SLA policies.

use aurora_api::{SlaPolicy, TaskConfig};

use super::refuse;
use crate::model::Refusal;
use crate::model::settings::{Settings, Tier};

/// Refuses a policy that does not suit the tier, allows no kill at all, or looks back too far.
pub(super) fn check(
    settings: &Settings,
    config: &TaskConfig,
    tier: Tier,
    instance_count: i32,
) -> Result<(), Refusal> {
    let Some(policy) = &config.sla_policy else {
        return Ok(());
    };
    if !tier.is_production() && !settings.sla_aware_kill_non_prod {
        let name = config.tier.as_deref().unwrap_or_default();
        return refuse(format!("Tier '{name}' does not support SlaPolicy."));
    }
    let least = settings.min_required_instances_for_sla_check;
    let max_secs = settings.max_sla_duration_secs;
    let too_few = || {
        refuse(format!(
            "Job with fewer than {least} instances cannot have Percentage/Count SlaPolicy."
        ))
    };
    let too_long = |name: &str, secs: i64| {
        refuse(format!(
            "{name}: durationSecs={secs} must be less than cluster-wide maximum of {max_secs} secs."
        ))
    };
    match policy {
        SlaPolicy::Count(count) => {
            if instance_count < least {
                return too_few();
            }
            if count.count >= i64::from(instance_count) {
                return refuse(format!(
                    "Current CountSlaPolicy: count={} will not allow any instances to be killed. \
                     Must be less than instanceCount={instance_count}.",
                    count.count
                ));
            }
            if count.duration_secs > max_secs {
                return too_long("CountSlaPolicy", count.duration_secs);
            }
        }
        SlaPolicy::Percentage(share) => {
            if instance_count < least {
                return too_few();
            }
            let total = f64::from(instance_count);
            if total - total * share.percentage.0 / 100.0 < 1.0 {
                return refuse(format!(
                    "Current PercentageSlaPolicy: percentage={:.6} will not allow any instances \
                     to be killed. Must be less than {:.6}.",
                    share.percentage.0,
                    (total - 1.0) / total * 100.0
                ));
            }
            if share.duration_secs > max_secs {
                return too_long("PercentageSlaPolicy", share.duration_secs);
            }
        }
        SlaPolicy::Coordinator(_) | SlaPolicy::Unset => {}
    }
    Ok(())
}
