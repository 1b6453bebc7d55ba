//! Which peers have proved who they are, and what that lets them do (libprocess.md §7).

use mesos_proto::mesos::FrameworkInfo;
use mesos_wire::pid::Upid;

use super::master::Master;

impl Master {
    /// A peer has proved that it is this principal.
    pub fn authenticated(&mut self, pid: &Upid, principal: String) {
        tracing::info!("{pid} authenticated as `{principal}`");
        self.principals.insert(pid.clone(), principal);
    }

    /// What a peer has proved before does not count any more.
    pub fn forget_principal(&mut self, pid: &Upid) {
        self.principals.remove(pid);
    }

    /// A peer's program is gone, with all its processes.
    pub(crate) fn forget_principals_at(&mut self, gone: &Upid) {
        self.principals.retain(|pid, _| pid.address != gone.address);
    }

    /// Whether an agent may (re)register.
    pub(crate) fn is_known_agent(&self, pid: &Upid) -> bool {
        let is_known = !self.config.authenticate_agents || self.principals.contains_key(pid);
        if !is_known {
            tracing::warn!("ignoring the registration of the agent at {pid}: not authenticated");
        }
        is_known
    }

    /// Judges who subscribes as this framework, and gives the framework the principal that it has not
    /// named itself. The error is told to the driver.
    pub(crate) fn claim_framework(
        &self,
        pid: &Upid,
        info: &mut FrameworkInfo,
    ) -> Result<(), String> {
        match self.principals.get(pid) {
            None if self.config.authenticate_frameworks => {
                Err(format!("Framework at {pid} is not authenticated"))
            }
            None => Ok(()),
            Some(proved) if info.has_principal() && info.principal() != proved => Err(format!(
                "Framework principal '{}' does not match authenticated principal '{proved}'",
                info.principal()
            )),
            Some(proved) => {
                info.set_principal(proved.clone());
                Ok(())
            }
        }
    }
}
