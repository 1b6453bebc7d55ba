//! What the agent lends: `--resource_estimator` and its parameters in `--modules`. The original loads the
//! fixed estimator from a library; here it is built in, and libraries are not opened.

use mesos_wire::flags::Flags;
use mesos_wire::resources::{Format, Resources, parse};
use serde_json::Value;

use super::SettingsError;
use crate::model::Oversubscription;

/// The estimator that is here, by the name of its module.
const FIXED: &str = "org_apache_mesos_FixedResourceEstimator";
/// Its only parameter, in the syntax of `--resources`.
const PARAMETER: &str = "resources";

/// What is lent, and the modules that are named and not used.
pub(super) fn read(
    flags: &Flags,
) -> Result<(Option<Oversubscription>, Vec<String>), SettingsError> {
    let modules = modules(flags)?;
    let others = modules.iter().map(|module| module.name.clone());
    let others = others.filter(|name| name != FIXED).collect();
    let Some(wanted) = flags.text("resource_estimator") else {
        return Ok((None, others));
    };
    let failed = |text: String| {
        SettingsError::Module(format!(
            "Failed to create resource estimator: Failed to create resource estimator module '{wanted}': {text}"
        ))
    };
    let module = modules.iter().find(|module| module.name == wanted);
    let module = module
        .filter(|module| module.name == FIXED)
        .ok_or_else(|| failed(format!("Module '{wanted}' unknown")))?;
    let resources = fixed(module).map_err(|text| {
        failed(format!(
            "Error creating module instance for '{wanted}': {text}"
        ))
    })?;
    let interval = flags.duration("oversubscribed_resources_interval");
    let oversubscription = Oversubscription {
        resources,
        interval: interval.unwrap_or_default(),
    };
    Ok((Some(oversubscription), others))
}

/// The last of several values counts, as in the original.
fn fixed(module: &Module) -> Result<Resources, String> {
    let given = module.parameters.iter().rev();
    let (_, text) = given
        .into_iter()
        .find(|(key, _)| key == PARAMETER)
        .ok_or_else(|| format!("parameter `{PARAMETER}` is missing"))?;
    let parsed = parse(text, "*").map_err(|error| error.to_string())?;
    let mut all = parsed.to_protos(Format::Post);
    for resource in &mut all {
        resource.revocable.mut_or_insert_default();
    }
    Resources::from_protos(&all).map_err(|error| error.to_string())
}

/// A module as `--modules` describes it.
#[derive(Debug, PartialEq)]
struct Module {
    name: String,
    parameters: Vec<(String, String)>,
}

fn modules(flags: &Flags) -> Result<Vec<Module>, SettingsError> {
    let Some(text) = flags.text("modules") else {
        return Ok(Vec::new());
    };
    let read = serde_json::from_str(text).ok().and_then(|value: Value| {
        let mut found = Vec::new();
        for library in list(&value, "libraries")? {
            for module in list(library, "modules")? {
                found.push(one(module)?);
            }
        }
        Some(found)
    });
    read.ok_or_else(|| SettingsError::Invalid {
        name: "modules",
        value: text.to_string(),
        allowed: "JSON such as `{\"libraries\": [{\"file\": …, \"modules\": [{\"name\": …, \
                  \"parameters\": [{\"key\": …, \"value\": …}]}]}]}` is expected"
            .to_string(),
    })
}

fn one(module: &Value) -> Option<Module> {
    let text = |value: &Value, key: &str| value.get(key)?.as_str().map(ToString::to_string);
    let parameters = list(module, "parameters")?
        .into_iter()
        .map(|parameter| Some((text(parameter, "key")?, text(parameter, "value")?)));
    Some(Module {
        name: text(module, "name")?,
        parameters: parameters.collect::<Option<_>>()?,
    })
}

/// A list, which may be left out, and of which one element may stand alone: so does the original read JSON.
fn list<'a>(value: &'a Value, key: &str) -> Option<Vec<&'a Value>> {
    match value.as_object()?.get(key) {
        None => Some(Vec::new()),
        Some(Value::Array(all)) => Some(all.iter().collect()),
        Some(one @ Value::Object(_)) => Some(vec![one]),
        Some(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use mesos_wire::flags::Request;

    use super::*;
    use crate::flags;

    fn of(args: &[&str]) -> Result<(Option<Oversubscription>, Vec<String>), String> {
        let args = args.iter().map(std::ffi::OsString::from);
        match Flags::parse(&flags::all(), args, []) {
            Ok(Request::Run(flags)) => read(&flags).map_err(|error| error.to_string()),
            other => Err(format!("{other:?}")),
        }
    }

    const ESTIMATOR: &str = "--resource_estimator=org_apache_mesos_FixedResourceEstimator";

    /// As Aurora's development cluster gives it.
    const LISTS: &str = r#"--modules={"libraries": [{"file": "/usr/lib/libfixed.so", "modules": [
        {"name": "org_apache_mesos_FixedResourceEstimator", "parameters": [{"key": "resources", "value": "cpus:3;mem:512"}]},
        {"name": "org_apache_mesos_LoadQoSController"}]}]}"#;
    /// As the original's documentation gives it.
    const ALONE: &str = r#"--modules={"libraries": {"file": "/usr/lib/libfixed.so", "modules":
        {"name": "org_apache_mesos_FixedResourceEstimator", "parameters": {"key": "resources", "value": "cpus:14"}}}}"#;

    #[test]
    fn the_fixed_estimator_lends_what_its_parameter_says() {
        for (modules, want) in [
            (LISTS, "cpus{REV}:3; mem{REV}:512"),
            (ALONE, "cpus{REV}:14"),
        ] {
            let (got, _) = of(&[ESTIMATOR, modules]).expect(want);
            let got = got.expect(want);
            assert_eq!(got.resources.to_string(), want);
            assert_eq!(got.interval, std::time::Duration::from_secs(15));
        }
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("modules");
        let text = ALONE.strip_prefix("--modules=").expect("a flag");
        std::fs::write(&file, text).expect("written");
        let from_file = format!("--modules=file://{}", file.display());
        let (got, _) = of(&[
            ESTIMATOR,
            &from_file,
            "--oversubscribed_resources_interval=1secs",
        ])
        .expect("read");
        let got = got.expect("an estimator");
        assert_eq!(got.resources.to_string(), "cpus{REV}:14");
        assert_eq!(got.interval, std::time::Duration::from_secs(1));
    }

    #[test]
    fn nothing_is_lent_unasked_and_other_modules_are_told() {
        let other = vec!["org_apache_mesos_LoadQoSController".to_string()];
        assert_eq!(of(&[LISTS]), Ok((None, other)));
        assert_eq!(of(&[]), Ok((None, Vec::new())));
    }

    #[test]
    fn an_estimator_that_cannot_be_made_is_told_in_mesos_words() {
        let begin =
            "Failed to create resource estimator: Failed to create resource estimator module";
        let name = "org_apache_mesos_FixedResourceEstimator";
        let without = r#"--modules={"libraries": [{"modules": [{"name": "org_apache_mesos_FixedResourceEstimator"}]}]}"#;
        let bad = ALONE.replace("cpus:14", "cpus:many");
        for (args, want) in [
            (
                vec![ESTIMATOR],
                format!("{begin} '{name}': Module '{name}' unknown"),
            ),
            (
                vec!["--resource_estimator=mine", ALONE],
                format!("{begin} 'mine': Module 'mine' unknown"),
            ),
            (
                vec![ESTIMATOR, without],
                format!(
                    "{begin} '{name}': Error creating module instance for '{name}': parameter `resources` is missing"
                ),
            ),
            (
                vec![ESTIMATOR, &bad],
                format!("{begin} '{name}': Error creating module instance for '{name}': "),
            ),
            (
                vec!["--modules={"],
                "flag `modules` is `{`: JSON such as".to_string(),
            ),
            (
                vec!["--modules={\"libraries\": 1}"],
                "flag `modules` is".to_string(),
            ),
        ] {
            let got = of(&args).expect_err(&want);
            assert!(got.starts_with(&want), "{got}");
        }
    }
}
