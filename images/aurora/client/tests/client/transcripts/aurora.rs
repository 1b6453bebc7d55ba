//! The nouns and verbs of `aurora`.

use aurora_api::ScheduleStatus;
use aurora_client::argparse::Parser;

use super::answers::{TASKS, jobs, tasks, tiers, whole};
use super::{Case, no, updates, updating};
use crate::support::done;

/// Every noun and verb without its words, and with an option that it does not have.
pub(super) fn bare() -> Vec<Case> {
    fn walk(parser: &Parser, cases: &mut Vec<Case>) {
        let line = parser.prog.strip_prefix("aurora").unwrap_or_default();
        if !line.is_empty() {
            cases.push((line.trim().to_owned().leak(), vec![]));
            cases.push((format!("{} --nosuch", line.trim()).leak(), vec![]));
        }
        for child in parser.children.iter().flat_map(|known| &known.parsers) {
            walk(&child.parser, cases);
        }
    }
    let mut cases = Vec::new();
    walk(&aurora_client::grammar::program(), &mut cases);
    cases
}

pub(super) fn cases() -> Vec<Case> {
    let groups = [
        config(),
        job(),
        changes(),
        updates::cases(),
        cron(),
        others(),
    ];
    groups.into_iter().flatten().collect()
}

fn config() -> Vec<Case> {
    vec![
        ("config list nofile.aurora", vec![]),
        ("config list web.aurora --bind profile.version", vec![]),
        (
            "job inspect direct/www-data/devel/hello_world missing_field.aurora",
            vec![],
        ),
        (
            "job inspect direct/www-data/devel/hello_world hello_world.aurora --raw",
            vec![tiers()],
        ),
        (
            "job inspect direct/www-data/test/nightly nightly.aurora",
            vec![tiers()],
        ),
        (
            "job inspect direct/www-data/devel/hello_world hello_world.aurora",
            vec![no("getTierConfigs")],
        ),
        (
            "job inspect nowhere/www-data/devel/hello_world hello_world.aurora",
            vec![],
        ),
    ]
}

fn job() -> Vec<Case> {
    use ScheduleStatus::{Failed, Pending, Running};
    vec![
        (
            "job create direct/www-data/devel/hello_world hello_world.aurora",
            vec![tiers(), no("createJob")],
        ),
        (
            "job create direct/www-data/devel/hello_world hello_world.aurora",
            vec![tiers(), updating("createJob")],
        ),
        (
            "job create direct/www-data/devel/hello_world hello_world.aurora",
            vec![tiers(), ("createJob", done()), tasks(&[])],
        ),
        (
            "job create direct/www-data/devel/hello_world hello_world.aurora --wait-until RUNNING --open-browser",
            vec![
                tiers(),
                ("createJob", done()),
                tasks(&[(0, Running)]),
                tasks(&[(0, Running)]),
            ],
        ),
        (
            "job list direct/www-data",
            vec![jobs(&[("web", None), ("nightly", Some("0 1 * * *"))])],
        ),
        ("job list direct/www-data", vec![no("getJobs")]),
        ("job list direct/www-data/devel/x/y", vec![]),
        ("job open direct/www-data/devel/hello_world", vec![tiers()]),
        (
            "job status direct/www-data/devel/hello_world",
            vec![tasks(&[(1, Pending), (0, Running), (2, Failed)])],
        ),
        (
            "job status direct/www-data/devel/hello_world --write-json",
            vec![tasks(&[(0, Running)])],
        ),
        (
            "job status direct/www-data/*/hello*",
            vec![jobs(&[("hello_world", None)]), tasks(&[(0, Running)])],
        ),
        ("job status direct/www-data/*/hello*", vec![jobs(&[])]),
        (
            "job status direct/www-data/devel/hello_world",
            vec![no(TASKS)],
        ),
        (
            "job diff direct/www-data/devel/hello_world hello_world.aurora",
            vec![tiers(), no("populateJobConfig")],
        ),
        (
            "job diff direct/www-data/test/nightly nightly.aurora",
            vec![tiers(), no("populateJobConfig"), no("getTasksStatus")],
        ),
    ]
}

fn changes() -> Vec<Case> {
    use ScheduleStatus::{Killed, Running};
    vec![
        (
            "job kill direct/www-data/devel/hello_world/0-1",
            vec![
                tasks(&[(0, Running), (1, Running)]),
                ("killTasks", done()),
                tasks(&[(0, Killed)]),
                no("killTasks"),
            ],
        ),
        (
            "job kill direct/www-data/devel/hello_world/0 --no-batching",
            vec![updating("killTasks")],
        ),
        (
            "job killall direct/www-data/devel/hello_world",
            vec![no(TASKS)],
        ),
        (
            "job killall direct/www-data/devel/hello_world --no-batching --message 'no longer'",
            vec![("killTasks", done()), tasks(&[(0, Killed)])],
        ),
        (
            "job restart direct/www-data/devel/hello_world/7",
            vec![tasks(&[(0, Running)]), no("restartShards")],
        ),
        (
            "job restart direct/www-data/devel/hello_world --strict --watch-secs=1",
            vec![tasks(&[(0, Running)]), updating("restartShards")],
        ),
        (
            "job add direct/www-data/devel/hello_world/0 2",
            vec![tasks(&[(0, Running)]), ("addInstances", done())],
        ),
        (
            "job add direct/www-data/devel/hello_world/0 2",
            vec![tasks(&[(0, Running)]), no("addInstances")],
        ),
        (
            "job add direct/www-data/devel/hello_world/5 2",
            vec![tasks(&[(0, Running)])],
        ),
        ("job add direct/www-data/devel/hello_world 2", vec![]),
    ]
}

fn cron() -> Vec<Case> {
    vec![
        (
            "cron schedule direct/www-data/test/nightly nightly.aurora",
            vec![tiers(), no("scheduleCronJob")],
        ),
        (
            "cron schedule direct/www-data/devel/hello_world hello_world.aurora",
            vec![tiers()],
        ),
        (
            "cron deschedule direct/www-data/test/nightly",
            vec![no("descheduleCronJob")],
        ),
        (
            "cron start direct/www-data/test/nightly",
            vec![("startCronJob", done())],
        ),
        (
            "cron start direct/www-data/test/nightly",
            vec![no("startCronJob")],
        ),
        (
            "cron show direct/www-data/devel/nightly",
            vec![jobs(&[("nightly", Some("0 1 * * *"))])],
        ),
        (
            "cron show direct/www-data/devel/nightly",
            vec![jobs(&[("nightly", None)])],
        ),
        (
            "cron show direct/www-data/devel/nightly",
            vec![no("getJobs")],
        ),
    ]
}

fn others() -> Vec<Case> {
    vec![
        ("quota get direct/www-data", vec![no("getQuota")]),
        (
            "sla get-task-up-count direct/www-data/devel/hello_world",
            vec![no(TASKS)],
        ),
        (
            "sla get-job-uptime direct/www-data/devel/hello_world --percentiles=0",
            vec![],
        ),
        (
            "task run direct/www-data/devel/hello_world ls",
            vec![whole(&[])],
        ),
        (
            "task run direct/www-data/devel/hello_world ls",
            vec![no("getTasksStatus")],
        ),
        (
            "task ssh direct/www-data/devel/hello_world/0",
            vec![whole(&[])],
        ),
        (
            "task ssh direct/www-data/devel/hello_world/0",
            vec![no("getTasksStatus")],
        ),
        (
            "task ssh direct/www-data/devel/hello_world",
            vec![whole(&[])],
        ),
        (
            "task ssh direct/www-data/devel/hello_world/0 --command 'ls -l' --tunnels 8080:http",
            vec![whole(&[(0, ScheduleStatus::Running)])],
        ),
        (
            "task run direct/www-data/devel/hello_world 'echo {{mesos.instance}}'",
            vec![whole(&[(0, ScheduleStatus::Running)])],
        ),
        (
            "task scp file direct/www-data/devel/hello_world/0:",
            vec![whole(&[(0, ScheduleStatus::Running)])],
        ),
        (
            "task scp file direct/www-data/devel/hello_world/0:",
            vec![whole(&[])],
        ),
        (
            "task scp file direct/www-data/devel/hello_world/0:~/file",
            vec![whole(&[(0, ScheduleStatus::Running)])],
        ),
    ]
}
