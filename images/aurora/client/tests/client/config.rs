//! The job language: what files may hold, and what is said about those that are wrong.

use std::collections::BTreeSet;

use crate::support::{Canned, CannedScheduler, Client, text};
use aurora_api::envelope::{decode_call, encode_reply};
use aurora_api::{
    Call, CallResult, GetTierConfigResult, JobConfiguration, Protocol, Resource, Response,
    ResponseCode, TierConfig,
};
use serde_json::Value as Json;

const KEY: &str = "direct/www-data/devel/x";

/// A file with one job, `x`, made of a task's and a job's own fields.
fn file(task: &str, job: &str) -> String {
    format!(
        "p = Process(name = 'p', cmdline = 'true')\n\
         r = Resources(cpu = 1, ram = 1*MB, disk = 1*MB)\n\
         t = Task(name = 'x', {task})\n\
         jobs = [Job(cluster = 'direct', role = 'www-data', environment = 'devel', name = 'x', task = t, {job})]\n"
    )
}

const TASK: &str = "processes = [p], resources = r";

fn tiers() -> Canned {
    let tier = |name: &str, preemptible: &str| TierConfig {
        name: name.to_owned(),
        settings: [("preemptible", preemptible), ("revocable", "false")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    };
    let response = Response {
        response_code: ResponseCode::Ok,
        result: Some(CallResult::GetTierConfig(GetTierConfigResult {
            default_tier_name: "preemptible".to_owned(),
            tiers: BTreeSet::from([tier("preemptible", "true"), tier("preferred", "false")]),
        })),
        ..Response::default()
    };
    Canned::ok(encode_reply(Protocol::Binary, "getTierConfigs", 0, &response).unwrap())
}

fn refused(method: &str) -> Canned {
    let response = Response {
        response_code: ResponseCode::InvalidRequest,
        ..Response::default()
    };
    Canned::ok(encode_reply(Protocol::Binary, method, 0, &response).unwrap())
}

/// What the client says about a file: stdout, stderr, exit code.
fn inspect(source: &str, more: &[&str]) -> (String, String, i32) {
    let scheduler = CannedScheduler::start(vec![tiers()]);
    let mut client = Client::direct(&scheduler.url);
    client.folder = client.home().to_owned();
    std::fs::write(client.home().join("x.aurora"), source).unwrap();
    let mut args = vec!["job", "inspect", KEY, "x.aurora"];
    args.extend(more);
    let output = client.run(&args);
    (
        text(&output.stdout),
        text(&output.stderr),
        output.status.code().unwrap(),
    )
}

/// The job that `job create` sends for a file.
fn created(source: &str, more: &[&str]) -> JobConfiguration {
    let scheduler = CannedScheduler::start(vec![tiers(), refused("createJob")]);
    let mut client = Client::direct(&scheduler.url);
    client.folder = client.home().to_owned();
    std::fs::write(client.home().join("x.aurora"), source).unwrap();
    let mut args = vec!["job", "create", KEY, "x.aurora"];
    args.extend(more);
    let output = client.run(&args);
    assert_eq!(output.status.code(), Some(4), "{}", text(&output.stderr));
    let requests = scheduler.requests();
    match decode_call(Protocol::Binary, &requests[1].body)
        .unwrap()
        .call
    {
        Call::CreateJob(args) => args.description.unwrap(),
        other => panic!("{other:?}"),
    }
}

fn data(job: &JobConfiguration) -> Json {
    let task = job.task_config.as_ref().unwrap();
    serde_json::from_str(
        task.executor_config
            .as_ref()
            .unwrap()
            .data
            .as_ref()
            .unwrap(),
    )
    .unwrap()
}

#[test]
fn a_wrong_file_is_told_so_in_the_originals_words() {
    let order =
        |names: &str| format!("processes = [p, q], resources = r, constraints = order({names})");
    let with_q = |process: &str, names: &str| {
        file(&order(names), "").replace(
            "r = Res",
            &format!("q = Process(name = 'q', cmdline = 'true', {process})\nr = Res"),
        )
    };
    let invalid = |text: &str| format!("The configuration was invalid: {text}");
    let task = |text: &str| invalid(&format!("Task is invalid: {text}"));
    for (source, expected) in [
        ("x = 1".to_owned(), "No job defined in this config!".to_owned()),
        ("import nosuch".to_owned(), "No module named 'nosuch'".to_owned()),
        ("jobs = [nosuch]".to_owned(), "name 'nosuch' is not defined".to_owned()),
        ("jobs = [".to_owned(), "'[' was never closed (x.aurora, line 1)".to_owned()),
        (file(TASK, "nosuch = 1"), "Unknown schema attribute nosuch".to_owned()),
        (file(TASK, "") + "jobs = jobs * 2", "Multiple jobs match, please disambiguate by specifying a job key.\nCandidates are:\n  direct/www-data/devel/x\n  direct/www-data/devel/x".to_owned()),
        (file(TASK, "").replace("'devel'", "'test'"), "Could not find job direct/www-data/devel/x\nCandidates are:\n  direct/www-data/test/x".to_owned()),
        (file(TASK, "").replace("environment = 'devel', ", ""), "Could not find job direct/www-data/devel/x\nJob direct/www-data/{MISSING}/x in configuration file doesn't specify an environment\nCandidates are:\n  direct/www-data/{MISSING}/x".to_owned()),
        (file(TASK, "").replace("task = t, ", ""), invalid("Task required for job \"x\"")),
        (file("resources = r", ""), invalid("Processes required for task on job \"x\"")),
        (file("processes = [p]", ""), invalid("Task must specify resources!")),
        (file(TASK, "").replace("ram = 1*MB", "ram = 0"), invalid("Must specify ram and disk resources, got ram:0 disk:1048576")),
        (file(TASK, "").replace("cpu = 1", "cpu = 0"), invalid("Task has invalid resources.  cpu/ramMb/diskMb must all be positive: cpu:0.0 ramMb:1 diskMb:1")),
        (file(TASK, "").replace("name = 'p'", "name = 'a/b'"), task("Task has invalid process: Invalid process name: a/b")),
        (with_q("", "'p', 'q') + order('q', 'p'"), task("Task has invalid plan: Cycles detected in the task schedule!")),
        (with_q("", "'p', 'nosuch'"), task("Task has invalid plan: Invalid process dependencies!")),
        (with_q("final = True", "'p', 'q'"), task("Task has invalid plan: Invalid process dependencies!")),
        (with_q("daemon = True", "'q', 'p'"), task("Task has invalid plan: Process p may not depend upon daemon process q")),
        (with_q("ephemeral = True", "'q', 'p'"), task("Task has invalid plan: Non-ephemeral process p may not depend upon ephemeral process q")),
        (file(TASK, "").replace("'true'", "'{{nosuch}}'"), task("Unexpected unbound refs: {{nosuch}}. Make sure you are not nesting template variables.")),
        (file(TASK, "contact = '{{nosuch}}'"), invalid("Config contains unbound variables: {{nosuch}}")),
        (file(TASK, "").replace("cmdline = 'true'", ""), invalid("MesosJob[task] failed: Task[processes] failed: Element in ProcessList failed check: Process[cmdline] is required.")),
        (file(TASK, "priority = 'high'"), invalid("MesosJob[priority] failed: Unable to interpolate: Cannot coerce 'high' to Integer")),
        (file(TASK, "cron_collision_policy = 'FOO'"), invalid("Invalid <class 'gen.apache.aurora.api.ttypes.CronCollisionPolicy'> type: FOO")),
        (file(TASK, "container = Container()"), invalid("If a container is specified it must set one type.")),
        (file(TASK, "constraints = {'host': 'limit:x'}"), "invalid literal for int() with base 10: 'x'".to_owned()),
        (file(TASK, "announce = Announcer(portmap = {'a': 'b', 'b': 'a'})"), "Found cycle in portmap!".to_owned()),
        (file(TASK, "announce = Announcer(portmap = {'http': 80})"), "Job must be dedicated in order to specify static ports!".to_owned()),
        (file(TASK, "").replace("Task(", "SequentialTask(constraints = order('p'), "), "Cannot turn a Task with existing constraints into a SequentialTask!".to_owned()),
        (file(TASK, "constraints = order(1)"), "Unknown value for process order: 1".to_owned()),
    ] {
        let (_, stderr, code) = inspect(&source, &[]);
        let stderr = stderr.trim_end();
        assert!(
            stderr.ends_with(&format!("Error loading configuration: {expected}")),
            "{source}\nsaid: {stderr}\nnot:  {expected}"
        );
        assert_eq!(code, 3, "{source}");
    }
}

#[test]
fn a_dangerous_job_ends_the_client_with_one() {
    for (job, expected) in [
        (
            "update_config = UpdateConfig(max_total_failures = 1)",
            "FATAL] \nmax_total_failures in update_config must be lesser than the job size.\nBased on your job size (1) you should use max_total_failures <= 0.\n\n",
        ),
        (
            "instances = 100, constraints = {'dedicated': 'www-data/x'}",
            "FATAL] \nSince this is a dedicated job, you must set your max_total_failures in\nyour update configuration to no less than 2% of your job size.\nBased on your job size (100) you should use max_total_failures >= 2.\n\n",
        ),
        (
            "update_config = UpdateConfig(watch_secs = -1)",
            "FATAL] \nInvalid value (-1) specified for watch_secs. Value cannot be less than 0.\n\n",
        ),
    ] {
        let (stdout, stderr, code) = inspect(&file(TASK, job), &[]);
        assert_eq!((stdout.as_str(), stderr.as_str(), code), ("", expected, 1));
    }
}

#[test]
fn verbose_shows_the_users_own_traceback_and_nothing_of_ours() {
    let (_, stderr, code) = inspect("def f():\n  return 1 / 0\nf()\n", &["-v"]);
    assert_eq!(code, 3);
    let lines: Vec<&str> = stderr.lines().collect();
    assert_eq!(lines[0], "Traceback (most recent call last):");
    assert!(
        stderr.contains("File \"x.aurora\", line 3, in <module>"),
        "{stderr}"
    );
    assert!(
        stderr.contains("File \"x.aurora\", line 2, in f"),
        "{stderr}"
    );
    assert!(!stderr.contains("<aurora"), "{stderr}");
    assert!(
        stderr.ends_with("Error loading configuration: division by zero\n"),
        "{stderr}"
    );
}

#[test]
fn what_a_file_prints_comes_before_the_answer() {
    let (stdout, _, code) = inspect(&("print('hello')\n".to_owned() + &file(TASK, "")), &[]);
    assert_eq!(code, 0);
    assert!(
        stdout.starts_with("hello\nJob level information\n"),
        "{stdout}"
    );
}

#[test]
fn files_include_others_beside_them() {
    let scheduler = CannedScheduler::start(vec![tiers()]);
    let mut client = Client::direct(&scheduler.url);
    client.folder = client.home().to_owned();
    let folder = client.home().join("parts");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(
        client.home().join("x.aurora"),
        "include('parts/a.aurora')\njobs = made",
    )
    .unwrap();
    std::fs::write(folder.join("a.aurora"), "include('b.aurora')\nmade = jobs").unwrap();
    std::fs::write(folder.join("b.aurora"), file(TASK, "")).unwrap();
    let output = client.run(&["config", "list", "x.aurora"]);
    assert_eq!(
        text(&output.stdout),
        format!("jobs=[{KEY}]\n"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn json_files_are_read_too() {
    let client = Client::new("[]");
    let job = r#"{"cluster": "c", "role": "r", "environment": "e", "name": "n"}"#;
    for document in [job.to_owned(), format!(r#"{{"jobs": [{job}]}}"#)] {
        let path = client.home().join("x.json");
        std::fs::write(&path, document).unwrap();
        let output = client.run(&["config", "list", "--read-json", path.to_str().unwrap()]);
        assert_eq!(text(&output.stdout), "jobs=[c/r/e/n]\n");
    }
}

#[test]
fn a_file_without_jobs_lists_none_and_a_broken_one_fails() {
    let client = Client::new("[]");
    let path = client.home().join("x.aurora");
    std::fs::write(&path, "x = 1").unwrap();
    let output = client.run(&["config", "list", path.to_str().unwrap()]);
    assert_eq!(
        (text(&output.stdout).as_str(), output.status.code()),
        ("jobs=[]\n", Some(0))
    );
    std::fs::write(&path, "x = ").unwrap();
    let output = client.run(&["config", "list", path.to_str().unwrap()]);
    assert_eq!(
        text(&output.stderr),
        "Error loading configuration file: invalid syntax (x.aurora, line 1)\n"
    );
    assert_eq!(output.status.code(), Some(4));
}

#[test]
fn bindings_and_profiles_reach_every_field() {
    let source = "class Profile(Struct):\n  version = Default(String, 'v1')\n".to_owned()
        + &file(
            TASK,
            "instances = '{{count}}', contact = '{{profile.version}}@{{role}}.{{mesos.cluster}}'",
        )
        .replace("'true'", "'{{profile.version}} {{thermos.user}}'")
        + "jobs = [job.bind(profile = Profile()) for job in jobs]";
    let job = created(
        &source,
        &["--bind", "count=3", "--bind", "profile.version=v2"],
    );
    assert_eq!(job.instance_count, 3);
    let task = job.task_config.as_ref().unwrap();
    assert_eq!(task.contact_email.as_deref(), Some("v2@www-data.direct"));
    let data = data(&job);
    assert_eq!(
        data.pointer("/task/processes/0/cmdline").unwrap(),
        "v2 www-data"
    );
    assert_eq!(data.get("instances"), None);
    assert_eq!(data.get("update_config"), None);
}

#[test]
fn ports_come_from_templates_and_from_the_announcers_map() {
    let source = file(
        TASK,
        "announce = Announcer(primary_port = 'web', portmap = {'alias': 'http', 'aurora': '{{primary_port}}'})",
    )
    .replace("'true'", "'{{thermos.ports[alias]}} {{thermos.ports[admin]}}'");
    let job = created(&source, &[]);
    let ports: Vec<String> = job
        .task_config
        .unwrap()
        .resources
        .into_iter()
        .filter_map(|resource| match resource {
            Resource::NamedPort(name) => Some(name),
            _ => None,
        })
        .collect();
    assert_eq!(ports, ["admin", "http", "web"]);
}

#[test]
fn the_tier_and_production_settle_each_other() {
    for (fields, tier, production) in [
        ("", "preemptible", false),
        ("production = True", "preferred", true),
        ("tier = 'preferred'", "preferred", true),
        (
            "tier = 'preemptible', production = True",
            "preemptible",
            false,
        ),
    ] {
        let job = created(&file(TASK, fields), &[]);
        let data = data(&job);
        let task = job.task_config.unwrap();
        assert_eq!(
            (task.tier.as_deref(), task.production),
            (Some(tier), Some(production)),
            "{fields}"
        );
        assert_eq!(data["tier"], tier);
        assert_eq!(data["production"], production);
    }
}

#[test]
fn another_executor_gets_its_own_data() {
    let job = created(
        &file(
            TASK,
            "executor_config = ExecutorConfig(name = 'mine', data = 'raw')",
        ),
        &[],
    );
    let executor = job.task_config.unwrap().executor_config.unwrap();
    assert_eq!(
        (executor.name.as_deref(), executor.data.as_deref()),
        (Some("mine"), Some("raw"))
    );
}

#[test]
fn tasks_are_combined_and_concatenated() {
    let source = "a = SimpleTask('a', 'echo a')\nb = SimpleTask('b', 'echo b')\n\
        jobs = [Job(cluster = 'direct', role = 'www-data', environment = 'devel', name = 'x', task = MADE)]\n";
    let both = data(&created(
        &source.replace("MADE", "combine_tasks(a, b, name = 'both')"),
        &[],
    ));
    let task = &both["task"];
    assert_eq!(
        (&task["name"], &task["resources"]["cpu"]),
        (&"both".into(), &2.0.into())
    );
    assert_eq!(task["constraints"].as_array().unwrap().len(), 0);
    let row = data(&created(&source.replace("MADE", "concat_tasks(a, b)"), &[]));
    let task = &row["task"];
    assert_eq!(
        (&task["name"], &task["finalization_wait"]),
        (&"b".into(), &60.into())
    );
    assert_eq!(
        task.pointer("/constraints/0/order").unwrap(),
        &serde_json::json!(["a", "b"])
    );
    assert_eq!(task["resources"]["cpu"], 1.0);
}

#[test]
fn an_interpreter_without_pystachio_or_none_at_all_is_named() {
    let client = Client::new("[]");
    let run = |python: &str| {
        std::process::Command::new(env!("CARGO_BIN_EXE_aurora"))
            .args(["config", "list", "hello_world.aurora"])
            .current_dir(&client.folder)
            .env("AURORA_PYTHON", python)
            .output()
            .unwrap()
    };
    let output = run("/nosuch/python");
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("cannot run `/nosuch/python`"));
}

#[test]
fn evaluating_a_job_imports_nothing_that_takes_long() {
    let slow = [
        "urllib.request",
        "http.client",
        "ssl",
        "socket",
        "email",
        "traceback",
    ];
    let print = format!("import sys\nprint([n for n in {slow:?} if n in sys.modules])\n");
    let (stdout, stderr, code) = inspect(&(print + &file(TASK, "")), &[]);
    assert_eq!(code, 0, "{stderr}");
    assert!(stdout.starts_with("[]\n"), "{stdout}");
}

#[test]
fn the_clients_are_their_interpreter_where_a_pex_file_would_be() {
    let script = "import sys, pystachio\nprint(sys.argv[1:])\nsys.exit(3)\n";
    let mut client = Client::direct("http://127.0.0.1:1");
    std::fs::write(client.home().join("script.py"), script).unwrap();
    let path = client.home().join("script.py");
    for program in [
        env!("CARGO_BIN_EXE_aurora"),
        env!("CARGO_BIN_EXE_aurora_admin"),
    ] {
        client.program = program;
        client.env = vec![("PEX_INTERPRETER", "1".to_owned())];
        let output = client.run(&[path.to_str().unwrap(), "--a", "b"]);
        assert_eq!(text(&output.stdout), "['--a', 'b']\n");
        assert_eq!(output.status.code(), Some(3), "{}", text(&output.stderr));
        client.env = vec![("PEX_INTERPRETER", "0".to_owned())];
        assert_eq!(client.run(&["-h"]).status.code(), Some(0));
    }
}
