//! Weights of roles (v1-api §9, UPDATE_WEIGHTS).

use mesos_proto::mesos::WeightInfo;
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::roles;

use super::calls::CallError;
use super::id::OfferId;
use super::master::Master;
use super::policy::is_within;
use super::records::Record;

impl Master {
    /// Begins with the weights of the command line, unless others were kept.
    pub(crate) fn begin_weights(&mut self) {
        let given = self.config.weights.clone();
        if given.is_empty() {
            return;
        }
        if !self.policy.weights.is_empty() {
            tracing::warn!("ignoring `--weights`: the registry has weights");
            return;
        }
        for (role, weight) in given {
            self.policy.weights.insert(role.clone(), weight);
            self.record(Record::Weight(role, weight));
        }
    }

    /// Restricts offers to these hosts, or lifts that.
    pub fn set_whitelist(&mut self, hosts: Option<std::collections::BTreeSet<String>>) {
        if self.policy.whitelist != hosts {
            match &hosts {
                Some(hosts) => tracing::info!("{} hosts are on the whitelist", hosts.len()),
                None => tracing::info!("offers of all hosts are made"),
            }
            self.policy.whitelist = hosts;
            self.allocate_all();
        }
    }

    /// Whether a role may be named at all, where `--roles` restricts that.
    pub(crate) fn is_allowed_role(&self, role: &str) -> bool {
        self.config
            .roles
            .as_ref()
            .is_none_or(|roles| roles.contains(role))
    }

    /// Gives roles other weights, all or none.
    pub fn update_weights(
        &mut self,
        weights: &[WeightInfo],
        rights: &Rights,
    ) -> Result<(), CallError> {
        let refuse = |text: String| Err(CallError::new(400, text));
        let intro = "Failed to validate update weights request JSON";
        let mut valid = Vec::new();
        for info in weights {
            let role = info.role().trim();
            if let Some(flaw) = roles::flaw(role) {
                return refuse(format!("{intro}: Invalid role '{role}': {flaw}"));
            }
            if !self.is_allowed_role(role) {
                return refuse(format!("{intro}: Unknown role '{role}'"));
            }
            // What is no number is not above 0 either.
            if !(info.weight() > 0.0 && info.weight().is_finite()) {
                return refuse(format!(
                    "{intro} for role '{role}': Invalid weight '{}': Weights must be positive",
                    info.weight()
                ));
            }
            valid.push((role.to_string(), info.weight()));
        }
        let is_allowed = match valid.is_empty() {
            true => rights.allow_any(Action::UpdateWeight),
            false => valid
                .iter()
                .all(|(role, _)| rights.allow(Action::UpdateWeight, role)),
        };
        if !is_allowed {
            return Err(CallError::forbidden());
        }
        let mut is_used = false;
        for (role, weight) in valid {
            tracing::info!("role `{role}` has weight {weight} from now on");
            is_used |= self
                .frameworks
                .values()
                .any(|f| f.roles.iter().any(|own| is_within(own, &role)));
            self.policy.weights.insert(role.clone(), weight);
            self.record(Record::Weight(role, weight));
        }
        // Who was offered something under the old weights may have to leave it to others.
        if is_used {
            let offers: Vec<OfferId> = self.offers.keys().cloned().collect();
            for offer in offers {
                self.rescind(&offer);
            }
            self.allocate_all();
        }
        Ok(())
    }
}
