//! Hooks of a configuration, and what they may stop.

use aurora_api::{CallResult, GetTierConfigResult, Response, ResponseCode, ScheduleStatus};

use crate::support::{Client, Told, converse_as, done, ok, response, tasks};

const KEY: &str = "direct/www-data/prod/hello";
const TASKS: &str = "getTasksWithoutConfigs";

/// A file with job `hello`, whose hooks are what `class` says of `Hook`.
fn file(class: &str, enabled: &str) -> String {
    format!(
        "class Hook(object):\n{class}\n\
         hooks = [Hook()]\n\
         jobs = [Job(cluster = 'direct', role = 'www-data', environment = 'prod', name = 'hello',\n\
         \x20 enable_hooks = {enabled}, instances = 2, task = SimpleTask('hello', 'true'))]\n"
    )
}

fn told(source: &str, args: &[&str], answers: Vec<(&str, Response)>) -> Told {
    let tiers = ok(CallResult::GetTierConfig(GetTierConfigResult::default()));
    let mut all = vec![("getTierConfigs", tiers)];
    all.extend(answers);
    converse_as(args, all, |url| {
        let client = Client::direct(url);
        std::fs::write(client.home().join("x.aurora"), source).unwrap();
        Client {
            folder: client.home().to_owned(),
            ..client
        }
    })
}

#[test]
fn hooks_run_around_a_call_with_its_arguments() {
    let source = file(
        "  def pre_create_job(self, config):\n    self.seen = config.job_key()\n    print('pre %s' % config.name())\n    return True\n\
         \x20 def post_create_job(self, response, config):\n    print('post %s %s %s' % (response.responseCode, self.seen, config.instances()))\n    return True",
        "True",
    );
    let told = told(
        &source,
        &["job", "create", KEY, "x.aurora"],
        vec![
            ("createJob", done()),
            (TASKS, tasks(&[(0, ScheduleStatus::Pending)])),
        ],
    );
    let page = format!("{}/scheduler/www-data/prod/hello", told.url);
    assert_eq!(
        told.stdout,
        format!("pre hello\npost 1 {KEY} 2\nJob create succeeded: job url={page}\n"),
        "{}",
        told.stderr
    );
}

#[test]
fn a_hook_that_does_not_agree_or_fails_stops_the_call() {
    for (class, said) in [
        ("  def pre_create_job(self, config):\n    return False", ""),
        (
            "  def pre_create_job(self, config):\n    raise ValueError('oh')",
            " WARN] Error in pre_create_job in Hook\n WARN] Traceback (most recent call last):\n",
        ),
        (
            "  def generic_hook(self, hook_config, event, method, result, args, kw):\n    return event != 'pre'",
            "",
        ),
    ] {
        let told = told(
            &file(class, "True"),
            &["job", "create", KEY, "x.aurora"],
            vec![],
        );
        assert!(
            told.stderr
                .starts_with(&format!(" INFO] Creating job hello\n{said}")),
            "{}",
            told.stderr
        );
        assert!(
            told.stderr
                .ends_with("Pre hooks stopped call to create_job\n"),
            "{}",
            told.stderr
        );
        assert_eq!((told.code, told.calls.len()), (1, 1));
    }
}

#[test]
fn hooks_of_a_job_that_does_not_enable_them_never_run() {
    let source = file(
        "  def pre_create_job(self, config):\n    return False",
        "False",
    );
    let told = told(
        &source,
        &["job", "create", KEY, "x.aurora"],
        vec![
            ("createJob", done()),
            (TASKS, tasks(&[(0, ScheduleStatus::Pending)])),
        ],
    );
    assert_eq!(told.code, 0, "{}", told.stderr);
}

#[test]
fn a_refusal_runs_the_hooks_for_errors() {
    let source = file(
        "  def err_create_job(self, error, config):\n    print(error)",
        "True",
    );
    let refusal = response(ResponseCode::InvalidRequest, None, Some("no"));
    let told = told(
        &source,
        &["job", "create", KEY, "x.aurora"],
        vec![("createJob", refusal)],
    );
    assert_eq!(told.stdout, "APIError: INVALID_REQUEST: no\n");
    assert_eq!(told.code, 4);
}

#[test]
fn every_batch_of_a_kill_is_a_call_of_its_own() {
    let source = file(
        "  def pre_kill_job(self, job_key, instances = None, config = None, message = None):\n    print(job_key.to_path(), instances, message)\n    return instances != [1]",
        "True",
    );
    let told = told(
        &source,
        &["job", "killall", "--config=x.aurora", "--message=why", KEY],
        vec![
            (
                TASKS,
                tasks(&[(0, ScheduleStatus::Running), (1, ScheduleStatus::Running)]),
            ),
            ("killTasks", done()),
            (TASKS, tasks(&[(0, ScheduleStatus::Killed)])),
        ],
    );
    assert_eq!(
        told.stdout,
        format!("{KEY} [0] why\nSuccessfully killed instances [0]\n{KEY} [1] why\n")
    );
    assert!(
        told.stderr
            .ends_with("Pre hooks stopped call to kill_job\n"),
        "{}",
        told.stderr
    );
}

#[test]
fn other_calls_have_their_hooks_too() {
    let source = file(
        "  def generic_hook(self, hook_config, event, method, result, args, kw):\n\
         \x20   config, key = hook_config\n\
         \x20   print(event, method, key, config.role(), [str(a) for a in args if a is not config], sorted(k for k in kw))\n\
         \x20   return False",
        "True",
    );
    for (args, expected) in [
        (
            vec!["cron", "start", KEY, "--config=x.aurora"],
            format!("pre start_cronjob {KEY} www-data ['{KEY}'] ['config']\n"),
        ),
        (
            vec!["job", "restart", KEY, "--config=x.aurora"],
            format!("pre restart {KEY} www-data ['{KEY}', 'None', 'None'] ['config']\n"),
        ),
    ] {
        let told = told(&source, &args, vec![]);
        assert_eq!((told.stdout, told.code), (expected, 1), "{}", told.stderr);
    }
    let instance = format!("{KEY}/0");
    let told = told(
        &source,
        &["job", "add", &instance, "2", "--config=x.aurora"],
        vec![(TASKS, tasks(&[(0, ScheduleStatus::Running)]))],
    );
    assert_eq!(
        told.stdout,
        format!("pre add_instances {KEY} www-data ['{KEY}', '0', '2'] ['config']\n")
    );
}

#[test]
fn the_reason_for_no_hooks_of_2014_skips_them() {
    let source = file(
        "  def pre_create_job(self, config):\n    return False",
        "True",
    );
    let told = told(
        &source,
        &["create", KEY, "x.aurora", "--disable_all_hooks_reason=why"],
        vec![("createJob", done())],
    );
    assert_eq!(told.code, 0, "{}", told.stderr);
}
