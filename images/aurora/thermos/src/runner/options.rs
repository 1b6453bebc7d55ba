//! The runner's command line.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use crate::flags::{Flag, FlagError, Given, switch, value};
use crate::task::{Destination, Logger, Mode, Rotate};

const FLAGS: &[Flag] = &[
    value("thermos_json"),
    value("sandbox"),
    value("container_sandbox"),
    value("checkpoint_root"),
    value("task_id"),
    value("setuid"),
    switch("enable_chroot"),
    value("mesos_containerizer_path"),
    switch("preserve_env"),
    value("port"),
    value("hostname"),
    value("process_logger_destination"),
    value("process_logger_mode"),
    value("rotate_log_size_mb"),
    value("rotate_log_backups"),
    switch("end_with_parent"),
    switch("standalone"),
    value("root"),
    switch("daemon"),
];

/// What a runner is to run, and how.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) thermos_json: PathBuf,
    pub(crate) sandbox: PathBuf,
    pub(crate) checkpoint_root: PathBuf,
    pub(crate) task_id: String,
    pub(crate) setuid: Option<String>,
    pub(crate) ports: BTreeMap<String, i64>,
    pub(crate) hostname: String,
    pub(crate) preserve_env: bool,
    /// Not in the original: give the task up when the process that started this one is gone.
    pub(crate) end_with_parent: bool,
    /// Not in the original: no agent runs this task, so that processes may have any number of runs.
    pub(crate) standalone: bool,
    /// Not in the original: become a session of one's own, and take the task's file away once the
    /// task has begun.
    pub(crate) daemon: bool,
    /// What processes have as their root, if that is not the runner's: the sandbox with
    /// `--enable_chroot`, or what `--root` names, which the original has no flag for.
    pub(crate) root: Option<PathBuf>,
    /// Where processes find the sandbox.
    pub(crate) home: PathBuf,
    /// What processes that say nothing about their logs get.
    pub(crate) logger: Logger,
}

impl Options {
    pub(crate) fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Self, FlagError> {
        let given = Given::parse(FLAGS, args)?;
        let required = |name: &'static str| given.text(name).ok_or(FlagError::Required(name));
        let mut ports = BTreeMap::new();
        for port in given.all("port") {
            let read = port
                .split_once(':')
                .and_then(|(name, number)| Some((name.to_string(), number.parse::<u16>().ok()?)));
            let (name, number) = read.ok_or_else(|| FlagError::Invalid {
                name: "port",
                value: port.clone(),
                allowed: "`NAME:PORT`",
            })?;
            ports.insert(name, i64::from(number));
        }
        Ok(Self {
            thermos_json: required("thermos_json")?.into(),
            sandbox: required("sandbox")?.into(),
            checkpoint_root: given
                .text("checkpoint_root")
                .unwrap_or("/var/run/thermos")
                .into(),
            task_id: required("task_id")?.to_string(),
            setuid: given.text("setuid").map(str::to_string),
            ports,
            hostname: match given.text("hostname") {
                Some(name) => name.to_string(),
                None => nix::unistd::gethostname()
                    .map(|name| name.to_string_lossy().into_owned())
                    .unwrap_or_default(),
            },
            preserve_env: given.is_on("preserve_env"),
            end_with_parent: given.is_on("end_with_parent"),
            standalone: given.is_on("standalone"),
            daemon: given.is_on("daemon"),
            home: match (
                given.is_on("enable_chroot"),
                given.text("container_sandbox"),
            ) {
                (true, _) => "/".into(),
                (false, Some(home)) => home.into(),
                (false, None) => required("sandbox")?.into(),
            },
            root: match given.is_on("enable_chroot") {
                true => Some(required("sandbox")?.into()),
                false => given.text("root").map(PathBuf::from),
            },
            logger: logger(
                &given,
                [
                    "process_logger_destination",
                    "process_logger_mode",
                    "rotate_log_size_mb",
                    "rotate_log_backups",
                ],
            )?,
        })
    }
}

/// What four flags say about logs: destination, mode, size in MB, backups. Also the executor's.
pub(crate) fn logger(given: &Given, names: [&'static str; 4]) -> Result<Logger, FlagError> {
    let [destination, mode, size, backups] = names;
    let usual = Rotate::default();
    let mb = given.parsed(size, "a number of megabytes", |v| v.parse::<u32>().ok())?;
    let backups = given.parsed(backups, "a number", |v| v.parse().ok())?;
    Ok(Logger {
        destination: given.parsed(
            destination,
            "`file`, `console`, `both` or `none`",
            Destination::from_name,
        )?,
        mode: given.parsed(mode, "`standard` or `rotate`", Mode::from_name)?,
        rotate: (mb.is_some() || backups.is_some()).then(|| Rotate {
            log_size: mb.map_or(usual.log_size, |mb| u64::from(mb) * 1024 * 1024),
            backups: backups.unwrap_or(usual.backups),
        }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Options, FlagError> {
        Options::parse(args.iter().map(OsString::from))
    }

    #[test]
    fn the_originals_command_line_is_read() {
        let options = parse(&[
            "--thermos_json=task.json",
            "--sandbox=/s",
            "--container_sandbox=/s",
            "--checkpoint_root=/c",
            "--task_id=t",
            "--setuid=www-data",
            "--port=http:31000",
            "--port=admin:31001",
            "--hostname=h",
            "--process_logger_mode=rotate",
            "--rotate_log_size_mb=2",
        ])
        .unwrap();
        assert_eq!(
            options.ports,
            BTreeMap::from([("http".into(), 31000), ("admin".into(), 31001)])
        );
        assert_eq!(options.logger.mode, Some(Mode::Rotate));
        assert_eq!(
            options.logger.rotate,
            Some(Rotate {
                log_size: 2 * 1024 * 1024,
                backups: 5
            })
        );
        assert_eq!(options.setuid.as_deref(), Some("www-data"));
    }

    #[test]
    fn wrong_values_are_refused() {
        for (args, want) in [
            (vec!["--sandbox=/s"], "option --thermos_json is required"),
            (
                vec!["--port=http"],
                "option --port: invalid value `http`: `NAME:PORT` is allowed",
            ),
        ] {
            assert_eq!(parse(&args).unwrap_err().to_string(), want);
        }
    }
}
