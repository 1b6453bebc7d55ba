//! The commands and their options.

use crate::argparse::{Kind, Opt, any, integer};

/// A command.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) name: &'static str,
    /// How it is called, and below that what it does.
    pub(super) usage: &'static str,
    pub(super) options: &'static [Opt],
    /// How many words it takes, where that is fixed.
    pub(super) words: Option<usize>,
}

const fn flag(flags: &'static [&'static str], help: &'static str) -> Opt {
    Opt {
        flags,
        kind: Kind::Flag,
        metavar: "",
        help,
    }
}

const fn text(flags: &'static [&'static str], metavar: &'static str, help: &'static str) -> Opt {
    Opt {
        flags,
        kind: Kind::Value(any),
        metavar,
        help,
    }
}

const fn number(flags: &'static [&'static str], metavar: &'static str, help: &'static str) -> Opt {
    Opt {
        flags,
        kind: Kind::Value(integer),
        metavar,
        help,
    }
}

/// Options of every command.
pub(super) const GLOBAL: &[Opt] = &[
    Opt {
        flags: &["-h", "--help", "--short-help", "--long-help"],
        kind: Kind::Help,
        metavar: "",
        help: "show this help message and exit.",
    },
    flag(&["-v", "--verbose"], "Show debugging messages too."),
    flag(&["-q", "--quiet"], "Show errors only."),
    flag(
        &["--bypass-leader-redirect"],
        "Have the scheduler that is asked answer itself, even if it does not lead.",
    ),
];

const FILENAME: Opt = text(
    &["--filename"],
    "FILENAME",
    "Name of the file with hostnames",
);
const HOSTS: Opt = text(&["--hosts"], "HOSTS", "Comma separated list of hosts");
const GROUPING: Opt = text(
    &["--grouping"],
    "GROUPING",
    "Grouping function to use to group hosts. Options: by_host, none. Default: by_host",
);
const LEAST_INSTANCES: Opt = number(
    &["--min_job_instance_count"],
    "MIN_INSTANCE_COUNT",
    "Min job instance count to consider for SLA purposes. Default 10.",
);

const fn plain(name: &'static str, usage: &'static str, words: usize) -> Command {
    Command {
        name,
        usage,
        options: &[],
        words: Some(words),
    }
}

/// The command of that name.
pub(super) fn find(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

/// All commands but `help`.
pub(super) const COMMANDS: &[Command] = &[
    Command {
        name: "query",
        usage: "query [--force]
                  [--listformat=FORMAT]
                  [--shards=N[,N,...]]
                  [--states=State[,State,...]]
                  cluster [role [job]]

  Lists tasks, one a line.",
        options: &[
            flag(&["--force"], "Ask even if the answer may be long."),
            text(&["--shards"], "SHARDS", "Only these instances of a job."),
            text(&["--states"], "STATES", "Only tasks in these states. Default: RUNNING"),
            text(
                &["-l", "--listformat"],
                "LISTFORMAT",
                "What a line says, with %field% for a task's field. Default: %role%/%name%/%instanceId% %status%",
            ),
        ],
        words: None,
    },
    Command {
        name: "prune_tasks",
        usage: "prune_tasks [--states=State[,State,...]] [--role=ROLE] [--env=ENV] [--limit=N] cluster

  Has the scheduler forget tasks that are over.",
        options: &[
            text(&["--states"], "STATES", "Only tasks in these states."),
            text(&["--role"], "ROLE", "Only tasks of this role."),
            text(&["--env"], "ENVIRONMENT", "Only tasks of this environment."),
            number(&["--limit"], "LIMIT", "At most this many tasks."),
        ],
        words: None,
    },
    plain(
        "set_quota",
        "set_quota cluster role cpu ram[MGT] disk[MGT]

  Sets what a role may use for production.",
        5,
    ),
    plain(
        "increase_quota",
        "increase_quota cluster role cpu ram[unit] disk[unit]

  Adds to what a role may use for production.",
        5,
    ),
    plain(
        "scheduler_backup_now",
        "scheduler_backup_now cluster

  Has the scheduler write a full backup at once.",
        1,
    ),
    plain(
        "scheduler_list_backups",
        "scheduler_list_backups cluster

  Lists the backups that can be recovered.",
        1,
    ),
    plain(
        "scheduler_stage_recovery",
        "scheduler_stage_recovery cluster backup_id

  Loads a backup, to be looked at and changed before it is committed.",
        2,
    ),
    plain(
        "scheduler_print_recovery_tasks",
        "scheduler_print_recovery_tasks cluster

  Shows the active tasks of the loaded backup.",
        1,
    ),
    plain(
        "scheduler_delete_recovery_tasks",
        "scheduler_delete_recovery_tasks cluster task_ids

  Takes tasks, their IDs separated by commas, out of the loaded backup.",
        2,
    ),
    plain(
        "scheduler_commit_recovery",
        "scheduler_commit_recovery cluster

  Puts the loaded backup in the store's place.",
        1,
    ),
    plain(
        "scheduler_unload_recovery",
        "scheduler_unload_recovery cluster

  Drops the loaded backup.",
        1,
    ),
    plain(
        "scheduler_snapshot",
        "scheduler_snapshot cluster

  Has the scheduler write a snapshot of its store, and waits for it.",
        1,
    ),
    Command {
        name: "reconcile_tasks",
        usage: "reconcile_tasks
            [--type=RECONCILIATION_TYPE]
            [--batch_size=BATCHSIZE]
            cluster

  Has the scheduler compare its tasks with the Mesos master's.",
        options: &[
            Opt {
                flags: &["-t", "--type"],
                kind: Kind::Choice(&["implicit", "explicit"]),
                metavar: "TYPE",
                help: "Type of reconciliation to run - implicit or explicit (the default)",
            },
            number(
                &["-b", "--batch_size"],
                "BATCH_SIZE",
                "Batch size for explicit reconciliation",
            ),
        ],
        words: Some(1),
    },
    Command {
        name: "sla_list_safe_domain",
        usage: "sla_list_safe_domain
            [--exclude_file=FILENAME]
            [--exclude_hosts=HOSTS]
            [--grouping=GROUPING]
            [--include_file=FILENAME]
            [--include_hosts=HOSTS]
            [--list_jobs]
            [--min_job_instance_count=COUNT]
            [--override_file=FILENAME]
            cluster percentage duration

  Lists hosts whose tasks may be killed while every job keeps that percentage of its tasks up for
  that duration (XdYhZmWs). With a grouping, a group is listed only if all of it may go down at once.",
        options: &[
            text(
                &["-X", "--exclude_file"],
                "EXCLUDE_FILENAME",
                "A file of hosts, one a line, that are not to be listed.",
            ),
            text(
                &["-x", "--exclude_hosts"],
                "EXCLUDE_HOSTS",
                "Hosts, separated by commas, that are not to be listed.",
            ),
            GROUPING,
            text(
                &["-I", "--include_file"],
                "INCLUDE_FILENAME",
                "A file of hosts, one a line, that alone are looked at.",
            ),
            text(
                &["-i", "--include_hosts"],
                "INCLUDE_HOSTS",
                "Hosts, separated by commas, that alone are looked at.",
            ),
            flag(
                &["-l", "--list_jobs"],
                "Show the jobs too: HOST JOB PREDICTED_SLA DURATION_SECONDS",
            ),
            LEAST_INSTANCES,
            text(
                &["-o", "--override_file"],
                "OVERRIDE_FILENAME",
                "A file with an SLA for some jobs, lines of the form cluster/role/env/job percentage duration",
            ),
        ],
        words: Some(3),
    },
    Command {
        name: "sla_probe_hosts",
        usage: "sla_probe_hosts
            [--filename=FILENAME]
            [--grouping=GROUPING]
            [--hosts=HOSTS]
            [--min_job_instance_count=COUNT]
            cluster percentage duration

  Shows what becomes of the jobs on each host if it goes down:
  HOST  JOB  PREDICTED_SLA  SAFE?  PREDICTED_SAFE_IN",
        options: &[FILENAME, GROUPING, HOSTS, LEAST_INSTANCES],
        words: Some(3),
    },
    Command {
        name: "get_cluster_config",
        usage: "get_cluster_config [--sh] [--export] CLUSTER

  Shows what clusters.json says of the cluster.",
        options: &[
            flag(&["--sh"], "Emit a shell script instead of JSON."),
            flag(&["--export"], "Emit a shell script prefixed with 'export'."),
        ],
        words: Some(1),
    },
    plain(
        "get_scheduler",
        "get_scheduler CLUSTER

  Shows the address of the leading scheduler.",
        1,
    ),
    Command {
        name: "host_deactivate",
        usage: "host_deactivate {--filename=filename | --hosts=hosts}
                            cluster

  Marks hosts for maintenance: the scheduler prefers others, and takes these only if it must.",
        options: &[FILENAME, HOSTS],
        words: Some(1),
    },
    Command {
        name: "host_activate",
        usage: "host_activate {--filename=filename | --hosts=hosts}
                          cluster

  Ends the maintenance of hosts, drained or not.",
        options: &[FILENAME, HOSTS],
        words: Some(1),
    },
    Command {
        name: "host_drain",
        usage: "host_drain {--filename=filename | --hosts=hosts}
                       [--post_drain_script=path]
                       [--grouping=function]
                       [--override_percentage=percentage]
                       [--override_duration=duration]
                       [--override_reason=reason]
                       [--unsafe_hosts_file=unsafe_hosts_filename]
                       cluster

  Marks hosts for maintenance and kills their tasks, group by group, where the jobs' SLA allows it.
  The hosts stay in maintenance until host_activate. sla_host_drain leaves the SLA to the scheduler.",
        options: &[
            FILENAME,
            HOSTS,
            text(
                &["--post_drain_script"],
                "POST_DRAIN_SCRIPT",
                "Path to a script to run for each host if needed.",
            ),
            GROUPING,
            text(
                &["--override_percentage"],
                "PERCENTAGE",
                "Percentage of tasks that must stay up. Default: 95",
            ),
            text(
                &["--override_duration"],
                "DURATION",
                "How long they must have been up (XdYhZmWs). Default: 30m",
            ),
            text(
                &["--override_reason"],
                "REASON",
                "Why the defaults are overridden. All three overrides are given, or none.",
            ),
            text(
                &["--unsafe_hosts_file"],
                "UNSAFE_HOSTS_FILENAME",
                "Output file to write host names that did not pass SLA check.",
            ),
        ],
        words: Some(1),
    },
    Command {
        name: "sla_host_drain",
        usage: "sla_host_drain {--filename=filename | --hosts=hosts}
                       [--default_percentage=percentage]
                       [--default_duration=duration]
                       [--force_drain_timeout=timeout]
                       cluster

  Has the scheduler drain hosts as fast as each job's own SLA policy allows, and does not wait for it.",
        options: &[
            FILENAME,
            HOSTS,
            text(
                &["--default_percentage"],
                "DEFAULT_PERCENTAGE",
                "Percentage of tasks that must stay up where a job has no SLA policy. Default: 95",
            ),
            text(
                &["--default_duration"],
                "DEFAULT_DURATION",
                "How long they must have been up (XdYhZmWs). Default: 30m",
            ),
            text(
                &["--force_drain_timeout"],
                "TIMEOUT",
                "How long tasks may stay before they are killed in any case (XdYhZmWs). Default: 7d",
            ),
        ],
        words: Some(1),
    },
    Command {
        name: "host_status",
        usage: "host_status {--filename=filename | --hosts=hosts}
                        cluster

  Shows where hosts are in their maintenance.",
        options: &[FILENAME, HOSTS],
        words: Some(1),
    },
];
