//! The options and words that verbs share (`apache/aurora/client/cli/options.py`).

use crate::argparse::{Arity, Check, Kind, Opt, Positional, Rejected, any, integer};
use crate::keys::{AuroraKey, InstanceSpec, Pattern};
use crate::python;
use crate::quantity::{Span, parse_percentiles};

const fn flag(flags: &'static [&'static str], help: &'static str) -> Opt {
    Opt {
        flags,
        kind: Kind::Flag,
        metavar: "",
        help,
    }
}

const fn value(
    flags: &'static [&'static str],
    metavar: &'static str,
    check: Check,
    help: &'static str,
) -> Opt {
    Opt {
        flags,
        kind: Kind::Value(check),
        metavar,
        help,
    }
}

const fn word(metavar: &'static str, check: Check, help: &'static str) -> Positional {
    Positional {
        metavar,
        check,
        help,
        arity: Arity::One,
    }
}

fn job_key(text: &str) -> Result<(), Rejected> {
    AuroraKey::parse(text)
        .map(|_| ())
        .ok_or(Rejected::Type("jobkeytype"))
}

fn renamed_key(text: &str) -> Result<(), Rejected> {
    AuroraKey::parse(text)
        .map(|_| ())
        .ok_or(Rejected::Type("from_path"))
}

fn instance_spec(text: &str) -> Result<(), Rejected> {
    InstanceSpec::parse(text).map(|_| ())
}

fn pattern(text: &str) -> Result<(), Rejected> {
    Pattern::parse(text)
        .map(|_| ())
        .ok_or(Rejected::Type("arg_type_jobkey"))
}

fn binding(text: &str) -> Result<(), Rejected> {
    python::parse_binding(text)
        .map(|_| ())
        .map_err(Rejected::Because)
}

fn task_instance(text: &str) -> Result<(), Rejected> {
    let parsed = InstanceSpec::parse(text)
        .ok()
        .and_then(|spec| spec.instances);
    let one = parsed.is_some_and(|instances| instances.len() == 1);
    let plain = text
        .rsplit_once('/')
        .is_some_and(|(_, number)| number.parse::<i32>().is_ok());
    if one && plain {
        Ok(())
    } else {
        Err(Rejected::Type("parse_task_instance_key"))
    }
}

fn durations(text: &str) -> Result<(), Rejected> {
    Span::parse_list(text)
        .map(|_| ())
        .map_err(Rejected::Because)
}

fn percentiles(text: &str) -> Result<(), Rejected> {
    parse_percentiles(text)
        .map(|_| ())
        .map_err(Rejected::Because)
}

fn role(text: &str) -> Result<(), Rejected> {
    if text.split('/').count() == 2 {
        Ok(())
    } else {
        Err(Rejected::Because(
            "Role argument must be a CLUSTER/NAME pair".to_owned(),
        ))
    }
}

fn update_filter(text: &str) -> Result<(), Rejected> {
    if !text.is_empty() && text.split('/').count() <= 4 {
        Ok(())
    } else {
        Err(Rejected::Type("update_filter"))
    }
}

pub const BIND: Opt = value(
    &["--bind"],
    "var=value",
    binding,
    "Bind a pystachio variable name to a value. Multiple flags may be used to specify multiple values.",
);
pub const READ_JSON: Opt = flag(&["--read-json"], "Read job configuration in json format");
pub const WRITE_JSON: Opt = flag(&["--write-json"], "Generate command output in JSON format");
pub const CONFIG: Opt = value(
    &["--config"],
    "pathname",
    any,
    "pathname of the aurora configuration file contain the job specification",
);
pub const OPEN_BROWSER: Opt = flag(
    &["--open-browser"],
    "open browser to view job page after job is created",
);
pub const BATCH_SIZE: Opt = value(
    &["--batch-size"],
    "BATCH_SIZE",
    integer,
    "Number of instances to be operate on in one iteration",
);
pub const MAX_TOTAL_FAILURES: Opt = value(
    &["--max-total-failures"],
    "MAX_TOTAL_FAILURES",
    integer,
    "Maximum number of instance failures to be tolerated in total before aborting.",
);
pub const MAX_PER_INSTANCE_FAILURES: Opt = value(
    &["--max-per-instance-failures"],
    "MAX_PER_INSTANCE_FAILURES",
    integer,
    "Maximum number of restarts per instance during restart. Increments total failure count when this limit is exceeded.",
);
pub const WATCH_SECS: Opt = value(
    &["--watch-secs"],
    "WATCH_SECS",
    integer,
    "Minimum number of seconds a instance must remain in RUNNING state before considered a success.",
);
pub const HEALTHCHECK_INTERVAL: Opt = value(
    &["--healthcheck-interval-seconds"],
    "HEALTHCHECK_INTERVAL_SECONDS",
    integer,
    "Number of seconds between healthchecks while monitoring update",
);
pub const NO_BATCHING: Opt = flag(
    &["--no-batching"],
    "Run the command on all instances at once, instead of running in batches",
);
pub const STRICT: Opt = flag(
    &["--strict"],
    "Check instances and generate an error for instance ranges in parameters that are larger than the actual set of instances in the job",
);
pub const FORCE: Opt = flag(
    &["--force"],
    "Force execution of the command even if there is a warning",
);
pub const WAIT_UNTIL: Opt = Opt {
    flags: &["--wait-until"],
    kind: Kind::Choice(&["PENDING", "RUNNING", "FINISHED"]),
    metavar: "",
    help: "Block the client until all the tasks have transitioned into the requested state. Default: PENDING",
};
pub const KILL_MESSAGE: Opt = value(
    &["--message", "-m"],
    "MESSAGE",
    any,
    "Message to include with the kill state transition",
);
pub const UPDATE_MESSAGE: Opt = value(
    &["--message", "-m"],
    "MESSAGE",
    any,
    "Message to include with the update state transition",
);
pub const WAIT: Opt = flag(&["--wait"], "Wait until the update completes");
pub const RAW: Opt = flag(&["--raw"], "Show the raw configuration.");
pub const FROM: Opt = value(
    &["--from"],
    "cluster/role/env/name",
    renamed_key,
    "If specified, the job key to diff against.",
);
pub const STATUS: Opt = Opt {
    flags: &["--status"],
    kind: Kind::Choice(&[
        "active",
        "all",
        "blocked",
        "failed",
        "inactive",
        "paused",
        "succeeded",
        "ROLLING_FORWARD",
        "ROLLING_BACK",
        "ROLL_FORWARD_PAUSED",
        "ROLL_BACK_PAUSED",
        "ROLLED_FORWARD",
        "ROLLED_BACK",
        "ABORTED",
        "ERROR",
        "FAILED",
        "ROLL_FORWARD_AWAITING_PULSE",
        "ROLL_BACK_AWAITING_PULSE",
    ]),
    metavar: "",
    help: "Update state to filter by. This may be specified multiple times, in which case updates matching any of the specified statuses will be included.",
};
pub const USER: Opt = value(
    &["--user"],
    "username",
    any,
    "The name of the user who initiated the update",
);
pub const SSH_USER: Opt = value(
    &["--ssh-user", "-l"],
    "ssh_username",
    any,
    "ssh as this username instead of the job's role",
);
pub const SSH_OPTIONS: Opt = value(
    &["--ssh-options"],
    "ssh_options",
    any,
    "A string of space separated system ssh options.",
);
pub const SCP_OPTIONS: Opt = value(
    &["--scp-options"],
    "scp_options",
    any,
    "A string of space separated system scp options.",
);
pub const EXECUTOR_SANDBOX: Opt = flag(
    &["--executor-sandbox"],
    "Run the command in the executor sandbox instead of the task sandbox",
);
pub const THREADS: Opt = value(
    &["--threads", "-t"],
    "NUM_THREADS",
    integer,
    "Number of threads to use",
);
pub const TUNNELS: Opt = value(
    &["--tunnels", "-L"],
    "PORT:NAME",
    any,
    "Add tunnel from local port PORT to remote named port NAME",
);
pub const REMOTE_COMMAND: Opt = value(
    &["--command", "-c"],
    "unix_command_line",
    any,
    "Command to execute through the ssh connection.",
);
pub const PID_FILE: Opt = value(
    &["--pid-file", "-p"],
    "PID_FILE",
    any,
    "File in which to store the PID of the resulting ssh call",
);
pub const DURATIONS: Opt = value(
    &["--durations"],
    "DURATIONS",
    durations,
    "Durations to report uptime for. Format: XdYhZmWs (each field optional but must be in that order.) Examples: --durations=1d --durations=3m,10s,1h3m10s",
);
pub const PERCENTILES: Opt = value(
    &["--percentiles"],
    "PERCENTILES",
    percentiles,
    "Percentiles to report uptime for. Format: values within (0.0, 100.0). Example: --percentiles=50,75,95.5",
);
pub const VERBOSE: Opt = flag(&["--verbose", "-v"], "Show verbose output");
pub const SKIP_HOOKS: Opt = value(
    &["--skip-hooks"],
    "hook,hook,...",
    any,
    "A comma-separated list of command hook names that should be skipped. If the hooks cannot be skipped, then the command will be aborted",
);

pub const JOB: Positional = word(
    "CLUSTER/ROLE/ENV/NAME",
    job_key,
    "Fully specified job key, in CLUSTER/ROLE/ENV/NAME format",
);
pub const INSTANCES: Positional = word(
    "CLUSTER/ROLE/ENV/NAME[/INSTANCES]",
    instance_spec,
    "Fully specified job instance key, in CLUSTER/ROLE/ENV/NAME[/INSTANCES] format. If INSTANCES is omitted, then all instances will be operated on.",
);
pub const SSH_INSTANCE: Positional = word(
    "CLUSTER/ROLE/ENV/NAME[/INSTANCE]",
    instance_spec,
    "Fully specified job instance key, in CLUSTER/ROLE/ENV/NAME[/INSTANCE] format. If INSTANCE is omitted, a random instance will be picked up for the SSH session",
);
pub const COMMAND_LINE: Positional = word("unix_command_line", any, "");
pub const SOURCE: Positional = Positional {
    metavar: "[CLUSTER/ROLE/ENV/NAME/INSTANCE:]source",
    check: any,
    help: "Files to copy; those behind a task's key are on its agent, relative to its sandbox",
    arity: Arity::Some,
};
pub const DESTINATION: Positional = word(
    "[CLUSTER/ROLE/ENV/NAME/INSTANCE:]dest",
    any,
    "Where to copy them to, in the same form",
);
pub const TASK_INSTANCE: Positional = word(
    "task_instance",
    task_instance,
    "A task instance specifier, in the form CLUSTER/ROLE/ENV/NAME/INSTANCE",
);
pub const INSTANCE_COUNT: Positional =
    word("instance_count", integer, "Number of instances to add.");
pub const WILDCARD: Positional = word(
    "cluster[/role[/env[/name]]]",
    pattern,
    "A jobkey, optionally containing wildcards",
);
pub const PAGE: Positional = word(
    "cluster[/role[/env[/job]]]",
    any,
    "A key for the cluster, role, env, or job whose scheduler page should be opened.",
);
pub const ROLE: Positional = word(
    "CLUSTER/NAME",
    role,
    "Rolename to retrieve information about",
);
pub const PATHNAME: Positional = word(
    "pathname",
    any,
    "pathname of the aurora configuration file contain the job specification",
);
pub const FILTER: Positional = word(
    "CLUSTER[/ROLE[/ENV[/JOB]]]",
    update_filter,
    "A path-like specifier for the scope of updates to list.",
);
pub const UPDATE_ID: Positional = Positional {
    metavar: "ID",
    check: any,
    help: "Update identifier provided by the scheduler when an update was started.",
    arity: Arity::Optional,
};
