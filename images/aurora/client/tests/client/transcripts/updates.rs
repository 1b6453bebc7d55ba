//! `update …`.

use aurora_api::{JobUpdateStatus, ScheduleStatus};

use super::answers::{SUMMARIES, details, tasks, tiers, updates};
use super::{Case, no};
use crate::support::done;

pub(super) fn cases() -> Vec<Case> {
    use JobUpdateStatus::{RollForwardPaused, RolledBack, RolledForward, RollingForward};
    let mut cases = vec![
        (
            "update start direct/www-data/devel/hello_world hello_world.aurora",
            vec![tiers(), no("getJobUpdateDiff")],
        ),
        (
            "update start direct/www-data/test/nightly nightly.aurora",
            vec![tiers()],
        ),
        (
            "update start direct/www-data/devel/hello_world/0,5 hello_world.aurora --strict",
            vec![tiers(), tasks(&[(0, ScheduleStatus::Running)])],
        ),
        (
            "update list direct",
            vec![updates(&[RollingForward, RolledBack])],
        ),
        (
            "update list direct/www-data --user nobody",
            vec![updates(&[])],
        ),
        (
            "update list direct/www-data/devel/hello_world --status active --write-json",
            vec![updates(&[RollForwardPaused])],
        ),
        ("update list direct --status none", vec![]),
        ("update list direct", vec![no(SUMMARIES)]),
        (
            "update info direct/www-data/devel/hello_world",
            vec![updates(&[RollingForward]), details(RollingForward)],
        ),
        (
            "update info direct/www-data/devel/hello_world update-1 --write-json",
            vec![details(RolledForward)],
        ),
        (
            "update info direct/www-data/devel/hello_world update-1",
            vec![no("getJobUpdateDetails")],
        ),
        (
            "update wait direct/www-data/devel/hello_world update-1",
            vec![updates(&[RolledBack])],
        ),
        (
            "update wait direct/www-data/devel/hello_world update-1",
            vec![updates(&[RolledForward])],
        ),
        (
            "update rollback direct/www-data/devel/hello_world --wait",
            vec![
                updates(&[RollingForward]),
                ("rollbackJobUpdate", done()),
                updates(&[RolledBack]),
            ],
        ),
        (
            "update pause direct/www-data/devel/hello_world",
            vec![updates(&[RollingForward, RollingForward])],
        ),
        (
            "update resume direct/www-data/devel/hello_world",
            vec![no(SUMMARIES)],
        ),
    ];
    for (line, method) in [
        (
            "update pause direct/www-data/devel/hello_world",
            "pauseJobUpdate",
        ),
        (
            "update resume direct/www-data/devel/hello_world",
            "resumeJobUpdate",
        ),
        (
            "update abort direct/www-data/devel/hello_world",
            "abortJobUpdate",
        ),
        (
            "update rollback direct/www-data/devel/hello_world",
            "rollbackJobUpdate",
        ),
    ] {
        cases.push((line, vec![updates(&[RollingForward]), (method, done())]));
        cases.push((line, vec![updates(&[RollingForward]), no(method)]));
        cases.push((line, vec![updates(&[])]));
    }
    cases
}
