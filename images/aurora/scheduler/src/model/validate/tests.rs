use aurora_api::{Constraint, ExecutorConfig, LimitConstraint, SlaPolicy, ValueConstraint};

use super::*;

fn good() -> JobConfiguration {
    let key = JobKey::new("www-data", "devel", "hello");
    JobConfiguration {
        key: Some(key.clone()),
        owner: Some(Identity {
            user: Some("www-data".to_string()),
        }),
        instance_count: 1,
        task_config: Some(TaskConfig {
            job: Some(key),
            is_service: true,
            executor_config: Some(ExecutorConfig {
                name: Some(AURORA_EXECUTOR_NAME.to_string()),
                data: Some("{}".to_string()),
            }),
            resources: BTreeSet::from([
                Resource::NumCpus(1.0.into()),
                Resource::RamMb(1),
                Resource::DiskMb(8),
                Resource::NamedPort("http".to_string()),
            ]),
            ..TaskConfig::default()
        }),
        ..JobConfiguration::default()
    }
}

#[test]
fn defaults_are_filled_in() {
    let config = job(&Settings::default(), &good()).unwrap().config;
    assert_eq!(config.tier.as_deref(), Some("preemptible"));
    assert_eq!(config.production, Some(false));
    let links = config.task_links.unwrap();
    assert_eq!(
        links.get("http").map(String::as_str),
        Some("http://%host%:%port:http%")
    );
}

#[test]
fn bad_jobs_are_refused_in_the_original_words() {
    type Spoil = fn(&mut JobConfiguration);
    fn task(job: &mut JobConfiguration) -> &mut TaskConfig {
        job.task_config.as_mut().unwrap()
    }
    fn dedicated(job: &mut JobConfiguration, constraint: TaskConstraint) {
        let name = DEDICATED.to_string();
        task(job).constraints = BTreeSet::from([Constraint { name, constraint }]);
    }
    fn without(job: &mut JobConfiguration, drop: fn(&Resource) -> bool) {
        task(job).resources.retain(|resource| !drop(resource));
    }
    let cases: Vec<(Spoil, &str)> = vec![
        (
            |j| j.task_config = None,
            "Job configuration must have taskConfig set.",
        ),
        (|j| j.instance_count = 0, "Instance count must be positive."),
        (
            |j| j.key.as_mut().unwrap().name = "a/b".into(),
            "Job key IJobKey{role=www-data, environment=devel, name=a/b} is invalid.",
        ),
        (
            |j| j.key.as_mut().unwrap().environment = "qa".into(),
            r"Job environment qa doesn't match: ^(prod|devel|test|staging\d*)$",
        ),
        (
            |j| {
                j.owner = Some(Identity {
                    user: Some("a b".into()),
                })
            },
            "Job user contains illegal characters: a b",
        ),
        (
            |j| task(j).tier = Some("gold".into()),
            "Invalid tier 'gold' in TaskConfig.",
        ),
        (
            |j| task(j).tier = Some("a b".into()),
            "Tier contains illegal characters: a b",
        ),
        (
            |j| task(j).executor_config = None,
            "Configuration may not be null.",
        ),
        (
            |j| task(j).executor_config.as_mut().unwrap().name = None,
            "Executor name may not be left unset.",
        ),
        (|j| j.key = None, "Job key null is invalid."),
        (|j| task(j).job = None, "Job key null is invalid."),
        (
            |j| j.owner = Some(Identity { user: None }),
            "Job user contains illegal characters: null",
        ),
        (
            |j| task(j).executor_config.as_mut().unwrap().name = Some(String::new()),
            "Configuration for executor '' doesn't exist.",
        ),
        (
            |j| task(j).executor_config.as_mut().unwrap().name = Some("x".into()),
            "Configuration for executor 'x' doesn't exist.",
        ),
        (
            |j| dedicated(j, TaskConstraint::Limit(LimitConstraint { limit: 1 })),
            "A dedicated constraint must be of value type.",
        ),
        (
            |j| dedicated(j, TaskConstraint::Value(ValueConstraint::default())),
            "A dedicated constraint must have exactly one value",
        ),
        (
            |j| {
                dedicated(
                    j,
                    TaskConstraint::Value(ValueConstraint {
                        negated: false,
                        values: BTreeSet::from(["other/x".to_string()]),
                    }),
                )
            },
            "Only other may use hosts dedicated for that role.",
        ),
        (
            |j| task(j).container = Some(Container::Unset),
            "A job must have a container type.",
        ),
        (
            |j| task(j).container = Some(Container::Docker(Default::default())),
            "A container must specify an image.",
        ),
        (
            |j| {
                task(j).resources.insert(Resource::RamMb(2));
            },
            "Multiple resource values are not supported for RAM",
        ),
        (
            |j| without(j, |r| matches!(r, Resource::NumCpus(_))),
            "num_cpus must be greater than 0.0",
        ),
        (
            |j| without(j, |r| matches!(r, Resource::RamMb(_))),
            "ram_mb must be greater than 0.0",
        ),
        (
            |j| without(j, |r| matches!(r, Resource::DiskMb(_))),
            "disk_mb must be greater than 0.0",
        ),
        (
            |j| {
                task(j).resources.insert(Resource::NumGpus(1));
            },
            "GPU resource support is disabled in this cluster.",
        ),
        (
            |j| task(j).sla_policy = Some(SlaPolicy::Unset),
            "Tier 'preemptible' does not support SlaPolicy.",
        ),
    ];
    for (spoil, want) in cases {
        let mut bad = good();
        spoil(&mut bad);
        assert_eq!(job(&Settings::default(), &bad).unwrap_err().message, want);
    }
}
