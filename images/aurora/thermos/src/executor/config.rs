//! The executor's command line: all flags of the original. `--mesos-containerizer-path` is taken and
//! has no use: the runner gives processes an image's root itself.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use zookeeper_client::{Acl, AuthId, Permission};

use crate::flags::{Flag, FlagError, Given, switch, value};
use crate::runner::logger;
use crate::task::Logger;

const FLAGS: &[Flag] = &[
    value("announcer_ensemble"),
    value("announcer_serverset_path"),
    switch("announcer_allow_custom_serverset_path"),
    value("announcer_hostname"),
    value("announcer_zookeeper_auth_config"),
    value("mesos_containerizer_path"),
    switch("no_create_user"),
    value("sandbox_mount_point"),
    value("execute_as_user"),
    switch("nosetuid"),
    switch("nosetuid_health_checks"),
    value("runner_logger_destination"),
    value("runner_logger_mode"),
    value("runner_rotate_log_size_mb"),
    value("runner_rotate_log_backups"),
    switch("preserve_env"),
    value("stop_timeout_in_secs"),
];

/// Where an image's task finds its sandbox, unless a flag says otherwise.
const SANDBOX_MOUNT_POINT: &str = "/mnt/mesos/sandbox";

/// How tasks announce themselves.
#[derive(Debug, Clone)]
pub(crate) struct AnnouncerConfig {
    /// ZooKeeper's servers; `None`: no task does.
    pub(crate) ensemble: Option<String>,
    /// Where serversets are.
    pub(crate) root: String,
    /// Whether a job may choose another place.
    pub(crate) allow_custom_path: bool,
    /// The host announced, instead of the agent.
    pub(crate) hostname: Option<String>,
    /// Who the executor is, and who may do what with its znodes.
    pub(crate) auth: ZooKeeperAuth,
}

/// What `--announcer-zookeeper-auth-config` names: a JSON file.
#[derive(Debug, Clone, Default)]
pub(crate) struct ZooKeeperAuth {
    /// Scheme and credential.
    pub(crate) credentials: Vec<(String, String)>,
    /// Empty: everybody may do everything.
    pub(crate) acl: Vec<Acl>,
}

#[derive(Deserialize)]
struct AuthFile {
    #[serde(default)]
    auth: Vec<Credential>,
    #[serde(default)]
    acl: Vec<Credential>,
}

#[derive(Deserialize)]
struct Credential {
    scheme: String,
    credential: String,
    #[serde(default)]
    permissions: Permissions,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Permissions {
    read: bool,
    write: bool,
    create: bool,
    delete: bool,
    admin: bool,
}

impl ZooKeeperAuth {
    fn read(path: &str) -> Result<Self, FlagError> {
        let invalid = |allowed| FlagError::Invalid {
            name: "announcer_zookeeper_auth_config",
            value: path.to_string(),
            allowed,
        };
        let text = std::fs::read_to_string(path).map_err(|_| invalid("a file that can be read"))?;
        Self::parse(&text).map_err(invalid)
    }

    fn parse(text: &str) -> Result<Self, &'static str> {
        let file: AuthFile =
            serde_json::from_str(text).map_err(|_| "a JSON file with `auth` and `acl`")?;
        let credentials: Vec<(String, String)> = file
            .auth
            .into_iter()
            .map(|entry| (entry.scheme, entry.credential))
            .collect();
        let acl = file
            .acl
            .into_iter()
            .map(|entry| {
                let permissions = entry.permissions;
                let given = [
                    (permissions.read, Permission::READ),
                    (permissions.write, Permission::WRITE),
                    (permissions.create, Permission::CREATE),
                    (permissions.delete, Permission::DELETE),
                    (permissions.admin, Permission::ADMIN),
                ];
                let all = given
                    .into_iter()
                    .filter(|(is_given, _)| *is_given)
                    .fold(Permission::NONE, |all, (_, one)| all | one);
                let own = (entry.scheme.clone(), entry.credential.clone());
                match entry.scheme.as_str() {
                    // ZooKeeper itself puts the hash of what this session has shown in its place.
                    "digest" if credentials.contains(&own) => Ok(Acl::new(all, AuthId::authed())),
                    "digest" => Err("a file whose `acl` has no digest that is not in `auth`"),
                    scheme => Ok(Acl::new(all, AuthId::new(scheme, &entry.credential))),
                }
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { credentials, acl })
    }
}

/// How an executor runs its task.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// How tasks announce themselves.
    pub(crate) announcer: AnnouncerConfig,
    /// Run processes as this user, not as the role.
    pub(crate) execute_as_user: Option<String>,
    /// Run processes as the executor's own user.
    pub(crate) nosetuid: bool,
    /// Run shell health checks as the executor's own user.
    pub(crate) nosetuid_health_checks: bool,
    /// What processes that say nothing about their logs get.
    pub(crate) logger: Logger,
    /// Give processes the executor's whole environment.
    pub(crate) preserve_env: bool,
    /// Where an image's task finds its sandbox.
    pub(crate) sandbox_mount_point: PathBuf,
    /// Whether an image is not told about the role's user.
    pub(crate) no_create_user: bool,
    /// How long a graceful end may take.
    pub(crate) stop_timeout: Duration,
}

impl Config {
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, FlagError> {
        let given = Given::parse(FLAGS, args)?;
        let text = |name| {
            given
                .text(name)
                .filter(|v| !v.is_empty())
                .map(str::to_string)
        };
        Ok(Self {
            announcer: AnnouncerConfig {
                ensemble: text("announcer_ensemble"),
                root: text("announcer_serverset_path").unwrap_or_else(|| "/aurora".to_string()),
                allow_custom_path: given.is_on("announcer_allow_custom_serverset_path"),
                hostname: text("announcer_hostname"),
                auth: match text("announcer_zookeeper_auth_config") {
                    Some(path) => ZooKeeperAuth::read(&path)?,
                    None => ZooKeeperAuth::default(),
                },
            },
            execute_as_user: text("execute_as_user"),
            nosetuid: given.is_on("nosetuid"),
            nosetuid_health_checks: given.is_on("nosetuid_health_checks"),
            logger: logger(
                &given,
                [
                    "runner_logger_destination",
                    "runner_logger_mode",
                    "runner_rotate_log_size_mb",
                    "runner_rotate_log_backups",
                ],
            )?,
            preserve_env: given.is_on("preserve_env"),
            sandbox_mount_point: given
                .parsed("sandbox_mount_point", "an absolute path", |v| {
                    Some(PathBuf::from(v)).filter(|path| path.is_absolute())
                })?
                .unwrap_or_else(|| SANDBOX_MOUNT_POINT.into()),
            no_create_user: given.is_on("no_create_user"),
            stop_timeout: given
                .parsed("stop_timeout_in_secs", "a number of seconds", |v| {
                    v.parse().ok()
                })?
                .map_or(Duration::from_secs(120), Duration::from_secs),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vagrant_clusters_flags_are_taken() {
        let args = [
            "--announcer-ensemble",
            "localhost:2181",
            "--mesos-containerizer-path=/usr/libexec/mesos/mesos-containerizer",
            "--stop_timeout_in_secs=7",
        ];
        let config = Config::parse(args.iter().map(OsString::from)).unwrap();
        assert_eq!(config.announcer.ensemble.as_deref(), Some("localhost:2181"));
        assert_eq!(config.stop_timeout, Duration::from_secs(7));
        assert!(!config.nosetuid);
    }

    #[test]
    fn the_vagrant_clusters_credentials_are_taken() {
        let auth = ZooKeeperAuth::parse(
            r#"{"auth": [{"scheme": "digest", "credential": "user:pass"}],
                "acl": [{"scheme": "digest", "credential": "user:pass", "permissions": {"read": true, "create": true, "delete": true, "write": true}},
                        {"scheme": "world", "credential": "anyone", "permissions": {"read": true, "delete": true}}]}"#,
        )
        .unwrap();
        assert_eq!(
            auth.credentials,
            [("digest".to_string(), "user:pass".to_string())]
        );
        let all = Permission::READ | Permission::WRITE | Permission::CREATE | Permission::DELETE;
        assert_eq!(
            auth.acl,
            [
                Acl::new(all, AuthId::authed()),
                Acl::new(Permission::READ | Permission::DELETE, AuthId::anyone()),
            ]
        );
        assert!(
            ZooKeeperAuth::parse(r#"{"acl": [{"scheme": "digest", "credential": "a:b"}]}"#)
                .is_err()
        );
        assert!(ZooKeeperAuth::parse("[").is_err());
    }
}
