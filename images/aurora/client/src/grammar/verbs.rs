//! Each noun's verbs, with their options in the order that usage shows them.

use super::Verb;
use super::options::*;
use crate::argparse::{Opt, Positional};

fn verb(name: &'static str, help: &'static str, options: &[Opt], words: &[Positional]) -> Verb {
    Verb {
        name,
        help,
        options: options.to_vec(),
        words: words.to_vec(),
    }
}

pub(super) fn job() -> Vec<Verb> {
    vec![
        verb(
            "create",
            "Create a service or ad hoc job using aurora",
            &[BIND, READ_JSON, WAIT_UNTIL, OPEN_BROWSER],
            &[JOB, PATHNAME],
        ),
        verb(
            "diff",
            "Compare a job configuration against a running job. By default the diff will be displayed using 'diff', though you may choose an alternate diff command by setting the DIFF_VIEWER environment variable.",
            &[BIND, READ_JSON, FROM],
            &[INSTANCES, PATHNAME],
        ),
        verb(
            "inspect",
            "Verify that a job can be parsed from a configuration file, and display the parsed configuration.",
            &[BIND, READ_JSON, WRITE_JSON, RAW],
            &[JOB, PATHNAME],
        ),
        verb(
            "kill",
            "Kill instances in a scheduled job",
            &[
                OPEN_BROWSER,
                BIND,
                READ_JSON,
                CONFIG,
                BATCH_SIZE,
                MAX_TOTAL_FAILURES,
                NO_BATCHING,
                KILL_MESSAGE,
                STRICT,
            ],
            &[INSTANCES],
        ),
        verb(
            "killall",
            "Kill all instances of a scheduled job",
            &[
                OPEN_BROWSER,
                BIND,
                READ_JSON,
                CONFIG,
                BATCH_SIZE,
                MAX_TOTAL_FAILURES,
                NO_BATCHING,
                KILL_MESSAGE,
            ],
            &[JOB],
        ),
        verb(
            "list",
            "List jobs that match a jobkey or jobkey pattern.",
            &[],
            &[WILDCARD],
        ),
        verb(
            "open",
            "Open a job's scheduler page in the web browser.",
            &[],
            &[PAGE],
        ),
        verb(
            "restart",
            "Perform a rolling restart of instances within a job. Restarts are fully controlled client-side, so aborting halts the restart.",
            &[
                BATCH_SIZE,
                BIND,
                OPEN_BROWSER,
                CONFIG,
                FORCE,
                HEALTHCHECK_INTERVAL,
                READ_JSON,
                MAX_TOTAL_FAILURES,
                STRICT,
                WATCH_SECS,
                MAX_PER_INSTANCE_FAILURES,
            ],
            &[INSTANCES],
        ),
        verb(
            "status",
            "Get status information about a scheduled job or group of jobs. The jobspec parameter can omit parts of the jobkey, or use shell-style globs.",
            &[WRITE_JSON],
            &[WILDCARD],
        ),
        verb(
            "add",
            "Add instances to a scheduled job. The task config to replicate is specified by the /INSTANCE value of the task_instance argument.",
            &[OPEN_BROWSER, BIND, WAIT_UNTIL, CONFIG, READ_JSON],
            &[TASK_INSTANCE, INSTANCE_COUNT],
        ),
    ]
}

pub(super) fn update() -> Vec<Verb> {
    vec![
        verb(
            "start",
            "Start a rolling update of a running job, using the update configuration within the config file as a control for update velocity and failure tolerance. The updater only takes action on instances in a job that have changed, meaning that changing a single instance will only induce a restart on the changed task instance. You may want to consider using the 'aurora job diff' subcommand before updating, to preview what changes will take effect.",
            &[
                BIND,
                OPEN_BROWSER,
                HEALTHCHECK_INTERVAL,
                READ_JSON,
                UPDATE_MESSAGE,
                STRICT,
                WAIT,
            ],
            &[INSTANCES, PATHNAME],
        ),
        verb("pause", "Pause an update.", &[UPDATE_MESSAGE], &[JOB]),
        verb("resume", "Resume an update.", &[UPDATE_MESSAGE], &[JOB]),
        verb(
            "abort",
            "Abort an in-progress update.",
            &[UPDATE_MESSAGE],
            &[JOB],
        ),
        verb(
            "rollback",
            "Rollback an in-progress update.",
            &[UPDATE_MESSAGE, WAIT],
            &[JOB],
        ),
        verb(
            "list",
            "List summaries of job updates.",
            &[STATUS, USER, WRITE_JSON],
            &[FILTER],
        ),
        verb(
            "info",
            "Display detailed status information about a scheduler-driven in-progress update. If no update ID is provided, information will be displayed about the active update for the job.",
            &[WRITE_JSON],
            &[JOB, UPDATE_ID],
        ),
        verb(
            "wait",
            "Block until an update has entered a terminal state.",
            &[],
            &[JOB, UPDATE_ID],
        ),
    ]
}

pub(super) fn config() -> Vec<Verb> {
    vec![verb(
        "list",
        "List all of the jobs defined in a configuration file",
        &[BIND, READ_JSON],
        &[PATHNAME],
    )]
}

pub(super) fn cron() -> Vec<Verb> {
    vec![
        verb(
            "schedule",
            "Create a cron schedule for a job. Replaces an existing schedule if one exists.",
            &[BIND, READ_JSON],
            &[JOB, PATHNAME],
        ),
        verb(
            "deschedule",
            "Remove the cron schedule for a job.",
            &[],
            &[JOB],
        ),
        verb(
            "start",
            "Start a cron job immediately, outside of its normal cron schedule.",
            &[BIND, OPEN_BROWSER, CONFIG, READ_JSON],
            &[JOB],
        ),
        verb(
            "show",
            "Get the scheduling status of a cron job",
            &[],
            &[JOB],
        ),
    ]
}

pub(super) fn quota() -> Vec<Verb> {
    vec![verb(
        "get",
        "Print information about quotas for a role",
        &[WRITE_JSON],
        &[ROLE],
    )]
}

pub(super) fn sla() -> Vec<Verb> {
    vec![
        verb(
            "get-task-up-count",
            "Print the percentage of tasks that stayed up within the last \"duration\" s|m|h|d. If duration is not specified prints a histogram-like log-scale distribution of task uptime percentages.",
            &[DURATIONS],
            &[JOB],
        ),
        verb(
            "get-job-uptime",
            "Prints the job uptime at the specified percentile. If the percentile is not specified prints a histogram-like distribution of uptime percentiles.",
            &[PERCENTILES],
            &[JOB],
        ),
    ]
}

pub(super) fn task() -> Vec<Verb> {
    vec![
        verb(
            "run",
            "runs a shell command on machines currently hosting instances of a single job. This feature supports the same command line wildcards that are used to populate a job's commands. This means anything in the {{mesos.*}} and {{thermos.*}} namespaces.",
            &[THREADS, SSH_USER, SSH_OPTIONS, EXECUTOR_SANDBOX],
            &[INSTANCES, COMMAND_LINE],
        ),
        verb(
            "ssh",
            "initiates an SSH session on the machine that a task instance is running on.",
            &[
                SSH_USER,
                SSH_OPTIONS,
                EXECUTOR_SANDBOX,
                TUNNELS,
                REMOTE_COMMAND,
                PID_FILE,
            ],
            &[SSH_INSTANCE],
        ),
        verb(
            "scp",
            "executes an scp to/from/between task instance(s). The task sandbox acts as the relative root.",
            &[SCP_OPTIONS, EXECUTOR_SANDBOX],
            &[SOURCE, DESTINATION],
        ),
    ]
}
