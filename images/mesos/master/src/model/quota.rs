//! Quotas of roles: what operators may set, in Mesos' words where they may not (v1-api §9,
//! UPDATE_QUOTA; SET_QUOTA and REMOVE_QUOTA are the form of before limits).

use std::collections::BTreeMap;

use mesos_proto::mesos::value;
use mesos_proto::quota::{QuotaConfig, QuotaRequest};
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::resources::Resources;

use super::allocator::consumed;
use super::amounts::Amounts;
use super::calls::CallError;
use super::id::OfferId;
use super::master::Master;
use super::policy::{Quota, is_within};
use super::quota_flaws as flaws;
use super::records::Record;

impl Master {
    /// Sets quotas, all or none. Those that say nothing are removed.
    pub fn update_quota(
        &mut self,
        configs: &[QuotaConfig],
        force: bool,
        rights: &Rights,
    ) -> Result<(), CallError> {
        let refuse = |text: String| Err(CallError::new(400, text));
        for config in configs {
            let role = config.role();
            if !self.is_allowed_role(role) {
                return refuse(format!(
                    "Invalid QuotaConfig: '{role}' is not on the roles whitelist"
                ));
            }
            if role.contains('/') {
                return refuse(format!(
                    "Updating quota on nested role '{role}' is not supported yet"
                ));
            }
            if let Some(flaw) = flaws::of_config(config) {
                return refuse(format!("Invalid QuotaConfig: {flaw}"));
            }
        }
        let consumed = consumed(&self.frameworks, &self.agents, false);
        for config in configs.iter().filter(|_| !force) {
            let (role, quota) = (config.role(), Quota::new(config));
            if let Some(own) = consumed.get(role).filter(|own| !quota.allows(own)) {
                return refuse(format!(
                    "Invalid QuotaConfig: Role '{role}' is already consuming '{own}'; this is more than the requested limits '{}' (use 'force' flag to bypass this check)",
                    limits_text(&quota)
                ));
            }
        }
        let mut quotas = self.policy.quotas.clone();
        for config in configs {
            quotas.insert(config.role().to_string(), Quota::new(config));
        }
        let (promised, capacity) = (guaranteed(&quotas), self.capacity());
        if !force && !capacity.contains(&promised) {
            return refuse(format!(
                "Invalid QuotaConfig: total quota guarantees '{promised}' exceed cluster capacity '{capacity}' (use 'force' flag to bypass this check)"
            ));
        }
        let mut roles = configs.iter().map(QuotaConfig::role);
        if !roles.all(|role| rights.allow(Action::UpdateQuota, role)) {
            return Err(CallError::forbidden());
        }
        for config in configs {
            self.set_quota_of(config.role(), Quota::new(config));
            // One that says nothing any more is shown until this master leads no longer.
            let quotas = &mut self.policy.quotas;
            quotas.entry(config.role().to_string()).or_default();
        }
        Ok(())
    }

    /// Sets the quota of a role that has none: what it is promised is also its limit.
    pub fn set_quota(&mut self, request: &QuotaRequest, rights: &Rights) -> Result<(), CallError> {
        let intro = "Failed to validate set quota request:";
        let refuse = |text: String| Err(CallError::new(400, text));
        let bag = match Resources::from_protos(&request.guarantee) {
            Ok(bag) => bag,
            Err(error) => {
                return refuse(format!("{intro} QuotaInfo with invalid resource: {error}"));
            }
        };
        if let Some(flaw) = flaws::of_request(request) {
            return refuse(format!("{intro} {flaw}"));
        }
        let role = request.role();
        if !self.is_allowed_role(role) {
            return refuse(format!("{intro} Unknown role '{role}'"));
        }
        if self.policy.quotas.contains_key(role) {
            return refuse(format!(
                "{intro} Cannot set quota for role '{role}' which already has quota"
            ));
        }
        let promised = Amounts::of(&bag);
        if let Some((parent, _)) = role.rsplit_once('/') {
            // Nested roles have no quotas, so that this one's guarantees are the sum.
            let own = self.policy.quotas.get(parent);
            let own = own
                .map(|quota| quota.guarantees.clone())
                .unwrap_or_default();
            if !own.contains(&promised) {
                return refuse(format!(
                    "{intro} Invalid quota configuration. Parent role '{parent}' with guarantees ({own}) does not contain the sum of its children's guarantees ({promised})"
                ));
            }
            return refuse(format!(
                "Setting quota on nested role '{role}' is not supported yet"
            ));
        }
        if !rights.allow(Action::UpdateQuota, role) {
            return Err(CallError::forbidden());
        }
        let scalars: std::collections::HashMap<String, value::Scalar> = request
            .guarantee
            .iter()
            .map(|r| (r.name().to_string(), r.scalar.get_or_default().clone()))
            .collect();
        let mut config = QuotaConfig::new();
        config.set_role(role.to_string());
        config.guarantees = scalars.clone();
        config.limits = scalars;
        let quota = Quota::new(&config);
        let mut quotas = self.policy.quotas.clone();
        quotas.insert(role.to_string(), quota.clone());
        let (promised, capacity) = (guaranteed(&quotas), self.capacity());
        if !request.force() && !capacity.contains(&promised) {
            return Err(CallError::new(
                409,
                format!(
                    "Quota guarantees overcommit the cluster (use 'force' to bypass this check): Total quota guarantees '{promised}' exceed cluster capacity '{capacity}'"
                ),
            ));
        }
        self.set_quota_of(role, quota);
        Ok(())
    }

    /// Removes a role's quota; `place` says in the texts where it was asked for.
    pub fn remove_quota(
        &mut self,
        role: &str,
        place: &str,
        rights: &Rights,
    ) -> Result<(), CallError> {
        if !self.is_allowed_role(role) {
            return Err(CallError::new(
                400,
                format!("Failed to validate remove quota request{place}: Unknown role '{role}'"),
            ));
        }
        if !self.policy.quotas.contains_key(role) {
            return Err(CallError::new(
                400,
                format!("Failed to remove quota{place}: Role '{role}' has no quota set"),
            ));
        }
        if !rights.allow(Action::UpdateQuota, role) {
            return Err(CallError::forbidden());
        }
        self.set_quota_of(role, Quota::default());
        Ok(())
    }

    fn set_quota_of(&mut self, role: &str, quota: Quota) {
        tracing::info!(
            "role `{role}` is promised {} and has {} limits from now on",
            quota.guarantees,
            quota.limits().count()
        );
        if quota.is_default() {
            self.policy.quotas.remove(role);
            self.record(Record::Quota(role.to_string(), None));
        } else {
            let config = quota.config(role);
            self.policy.quotas.insert(role.to_string(), quota.clone());
            self.record(Record::Quota(role.to_string(), Some(config)));
            self.rescind_beyond(role, &quota);
            self.rescind_for(role, &quota);
        }
        self.allocate_all();
    }

    /// Takes offers of a role back until it is within its limits.
    fn rescind_beyond(&mut self, role: &str, quota: &Quota) {
        for id in self.offers_where(|own| is_within(own, role)) {
            if quota.allows(&self.consumed_by(role)) {
                return;
            }
            self.rescind(&id);
        }
    }

    /// Takes others' offers back until the role can have what it is promised.
    fn rescind_for(&mut self, role: &str, quota: &Quota) {
        let mut within_reach = self.consumed_by(role);
        for id in self.offers_where(|own| !is_within(own, role)) {
            if within_reach.contains(&quota.guarantees) {
                return;
            }
            if let Some(offer) = self.offers.get(&id) {
                within_reach.add(&Amounts::of(&offer.resources));
            }
            self.rescind(&id);
        }
    }

    fn offers_where(&self, is_meant: impl Fn(&str) -> bool) -> Vec<OfferId> {
        self.offers
            .values()
            .filter(|offer| is_meant(&offer.role))
            .map(|offer| offer.id.clone())
            .collect()
    }

    fn consumed_by(&self, role: &str) -> Amounts {
        consumed(&self.frameworks, &self.agents, true)
            .remove(role)
            .unwrap_or_default()
    }

    /// What all registered agents have, also those that are not connected: they tend to come back.
    fn capacity(&self) -> Amounts {
        let mut sum = Amounts::new();
        for resource in self.agents.values().flat_map(|agent| agent.total.iter()) {
            if resource.revocable.is_none() {
                sum.count(resource);
            }
        }
        sum
    }
}

fn limits_text(quota: &Quota) -> String {
    let limits = quota
        .limits()
        .map(|(name, limit)| format!("{name}:{limit}"));
    limits.collect::<Vec<_>>().join("; ")
}

/// What all roles together are promised.
fn guaranteed(quotas: &BTreeMap<String, Quota>) -> Amounts {
    let mut sum = Amounts::new();
    for quota in quotas.values() {
        sum.add(&quota.guarantees);
    }
    sum
}
