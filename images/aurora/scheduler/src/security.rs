//! Who may do what: users and roles of a file, and the permissions that calls need (api.md, 4).

mod claim;
mod ini;
pub mod permission;

use std::collections::BTreeMap;
use std::path::Path;

use aurora_api::calls::Service;
use aurora_api::{Call, JobKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use sha2::{Digest, Sha256, Sha512};

use crate::model::key;
pub use claim::{Claim, Mechanism};
use permission::Permission;

/// How a password is compared with what the file says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matcher {
    /// The file has the password.
    Simple,
    /// The file has its SHA-256, in hexadecimal or base64.
    Sha256,
    /// The same with SHA-512.
    Sha512,
}

impl Matcher {
    /// From the name of Shiro's class, with or without its package.
    pub fn named(name: &str) -> Option<Self> {
        match name.rsplit('.').next()? {
            "SimpleCredentialsMatcher" => Some(Self::Simple),
            "Sha256CredentialsMatcher" => Some(Self::Sha256),
            "Sha512CredentialsMatcher" => Some(Self::Sha512),
            _ => None,
        }
    }

    fn matches(self, given: &str, stored: &str) -> bool {
        let digest = match self {
            Self::Simple => return same(given.as_bytes(), stored.as_bytes()),
            Self::Sha256 => Sha256::digest(given).to_vec(),
            Self::Sha512 => Sha512::digest(given).to_vec(),
        };
        let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        same(hex.as_bytes(), stored.to_ascii_lowercase().as_bytes())
            || same(BASE64.encode(&digest).as_bytes(), stored.as_bytes())
    }
}

/// Compares without telling by the time it takes how much is right.
fn same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differ, (a, b)| differ | (a ^ b)) == 0
}

#[derive(Debug, Clone, Default)]
struct User {
    password: String,
    permissions: Vec<Permission>,
}

/// Everybody who may do anything.
#[derive(Debug, Clone)]
pub struct Security {
    mechanism: Mechanism,
    users: BTreeMap<String, User>,
    matcher: Matcher,
}

/// Why a call is not carried out.
#[derive(Debug, PartialEq, Eq)]
pub enum Denial {
    /// The caller has not said who they are.
    Unknown,
    /// They may not do that.
    Forbidden(String),
    /// What it is about cannot be told.
    NoJob,
}

impl Security {
    /// Nobody may do anything, whoever proves to be who.
    pub fn closed(mechanism: Mechanism) -> Self {
        Self {
            mechanism,
            users: BTreeMap::new(),
            matcher: Matcher::Simple,
        }
    }

    /// Reads the file. What is wrong with it is said in words.
    pub fn load(path: &Path, matcher: Matcher, mechanism: Mechanism) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        Self::parse(&text, matcher, mechanism)
    }

    /// The same with the file's text.
    pub fn parse(text: &str, matcher: Matcher, mechanism: Mechanism) -> Result<Self, String> {
        let sections = ini::sections(text);
        if sections.is_empty() {
            return Err("it has none of the sections `users` and `roles`".to_string());
        }
        if let Some(other) = sections
            .keys()
            .find(|name| !matches!(name.as_str(), "users" | "roles"))
        {
            return Err(format!(
                "its section `{other}` is neither `users` nor `roles`"
            ));
        }
        let entries = |name: &str| sections.get(name).into_iter().flatten();
        let roles: BTreeMap<&str, Vec<Permission>> = entries("roles")
            .map(|(role, value)| {
                let permissions = ini::list(value);
                (
                    role.as_str(),
                    permissions
                        .iter()
                        .map(|text| Permission::new(text))
                        .collect(),
                )
            })
            .collect();
        let users = entries("users").map(|(name, value)| {
            let mut words = ini::list(value).into_iter();
            let password = words.next().unwrap_or_default();
            let permissions = words
                .filter_map(|role| roles.get(role.as_str()))
                .flatten()
                .cloned()
                .collect();
            let user = User {
                password,
                permissions,
            };
            (name.clone(), user)
        });
        Ok(Self {
            mechanism,
            users: users.collect(),
            matcher,
        })
    }

    /// Whether `caller` may make a call.
    pub fn authorize(&self, caller: Option<&str>, call: &Call) -> Result<(), Denial> {
        let service = call.service();
        if service == Service::ReadOnlyScheduler {
            return Ok(());
        }
        let caller = caller.ok_or(Denial::Unknown)?;
        let none = Vec::new();
        let granted = self
            .users
            .get(caller)
            .map_or(&none, |user| &user.permissions);
        let may = |wanted: &str| {
            let wanted = Permission::new(wanted);
            granted.iter().any(|permission| permission.implies(&wanted))
        };
        let (domain, rpc) = (format!("thrift.{}", service.name()), call.name());
        // Whoever may do it to every job need not name one.
        if may(&format!("{domain}:{rpc}")) {
            return Ok(());
        }
        if service == Service::AuroraAdmin {
            return Err(Denial::Forbidden(format!(
                "Subject {caller} lacks permission UnscopedRpcPermission{{domain={domain}, rpc={rpc}}}"
            )));
        }
        let job = job_of(call)
            .filter(|job| key::is_valid(job))
            .ok_or(Denial::NoJob)?;
        let scope = format!("{}:{}:{}", job.role, job.environment, job.name);
        match may(&format!("{domain}:{rpc}:{scope}")) {
            true => Ok(()),
            false => Err(Denial::Forbidden(format!(
                "Subject {caller} is not permitted to JobScopedRpcPermission{{rpc={rpc}, permittedJob={}}}.",
                key::Verbose(job)
            ))),
        }
    }
}

/// The job that a call changes.
fn job_of(call: &Call) -> Option<&JobKey> {
    match call {
        Call::CreateJob(args) => args.description.as_ref()?.key.as_ref(),
        Call::ScheduleCronJob(args) => args.description.as_ref()?.key.as_ref(),
        Call::ReplaceCronTemplate(args) => args.config.as_ref()?.key.as_ref(),
        Call::DescheduleCronJob(args) => args.job.as_ref(),
        Call::StartCronJob(args) => args.job.as_ref(),
        Call::RestartShards(args) => args.job.as_ref(),
        Call::KillTasks(args) => args.job.as_ref(),
        Call::AddInstances(args) => args.key.as_ref()?.job_key.as_ref(),
        Call::StartJobUpdate(args) => args.request.as_ref()?.task_config.as_ref()?.job.as_ref(),
        Call::PauseJobUpdate(args) => args.key.as_ref().map(|key| &key.job),
        Call::ResumeJobUpdate(args) => args.key.as_ref().map(|key| &key.job),
        Call::AbortJobUpdate(args) => args.key.as_ref().map(|key| &key.job),
        Call::RollbackJobUpdate(args) => args.key.as_ref().map(|key| &key.job),
        Call::PulseJobUpdate(args) => args.key.as_ref().map(|key| &key.job),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
