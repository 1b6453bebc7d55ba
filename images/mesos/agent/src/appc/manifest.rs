//! An image's manifest, and the command that follows from it and a task's own.
//!
//! Texts are those of the original, which frameworks show to their users.

use std::collections::BTreeMap;

use mesos_proto::mesos::CommandInfo;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an image says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// Its name, such as `example.com/web`.
    pub name: String,
    /// What else tells it from others of its name.
    pub labels: BTreeMap<String, String>,
    /// The images whose files are below its own.
    pub dependencies: Vec<Dependency>,
    /// What runs in it, if it says so.
    pub app: Option<App>,
}

/// An image below another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dependency {
    /// Its name.
    pub name: String,
    /// Its id, if it is to be that one.
    pub id: Option<String>,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
}

/// What runs in an image unless a task says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct App {
    /// The program and its arguments.
    pub exec: Vec<String>,
    /// Variables; a task's own of the same name win.
    pub environment: Vec<Pair>,
    /// Where it starts; an empty text is the same as none.
    pub working_directory: Option<String>,
}

/// A name and its value: a variable, or a label.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    ac_kind: String,
    #[serde(rename = "acVersion")]
    _version: String,
    name: String,
    #[serde(default)]
    labels: Vec<Pair>,
    #[serde(default)]
    dependencies: Vec<Below>,
    app: Option<App>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Below {
    image_name: String,
    #[serde(rename = "imageID")]
    image_id: Option<String>,
    #[serde(default)]
    labels: Vec<Pair>,
}

/// Of labels with the same name the first counts.
fn labels(pairs: Vec<Pair>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    for Pair { name, value } in pairs {
        labels.entry(name).or_insert(value);
    }
    labels
}

impl Manifest {
    /// Reads a manifest's text.
    ///
    /// # Errors
    /// When it is no JSON object, lacks what every manifest has, or is of something else than an image.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value: Value =
            serde_json::from_str(text).map_err(|error| format!("JSON parse failed: {error}"))?;
        if !value.is_object() {
            return Err("JSON parse failed: an object is expected".to_string());
        }
        let document: Document = serde_json::from_value(value)
            .map_err(|error| format!("Protobuf parse failed: {error}"))?;
        if document.ac_kind != "ImageManifest" {
            let kind = document.ac_kind;
            return Err(format!(
                "Schema validation failed: Incorrect acKind field: {kind}"
            ));
        }
        let below = document.dependencies.into_iter();
        let dependencies = below.map(|below| Dependency {
            name: below.image_name,
            id: below.image_id,
            labels: labels(below.labels),
        });
        Ok(Self {
            name: document.name,
            labels: labels(document.labels),
            dependencies: dependencies.collect(),
            app: document.app,
        })
    }
}

impl App {
    /// Where the program starts, if the image says so.
    pub fn directory(&self) -> Option<&str> {
        let directory = self.working_directory.as_deref();
        directory.filter(|directory| !directory.is_empty())
    }

    /// Where it starts in a container whose sandbox is at `mapped`.
    pub fn start<'a>(&'a self, mapped: &'a str) -> &'a str {
        self.directory().unwrap_or(mapped)
    }

    /// Its variables, as pairs.
    pub fn variables(&self) -> impl Iterator<Item = (String, String)> + '_ {
        let pairs = self.environment.iter();
        pairs.map(|pair| (pair.name.clone(), pair.value.clone()))
    }

    /// What runs: a task's own command, or the image's where the task names no program. A task's arguments
    /// take the place of the image's.
    ///
    /// # Errors
    /// When neither names a program, or a shell is to run nothing.
    pub fn command(&self, given: &CommandInfo) -> Result<CommandInfo, String> {
        let failed = |text| Err(format!("Failed to determine the launch command: {text}"));
        if given.has_value() {
            return Ok(given.clone());
        }
        if given.shell() {
            return failed("Shell specified but no command value provided");
        }
        let Some((program, own)) = self.exec.split_first() else {
            return failed("No executable is found");
        };
        let mut command = given.clone();
        command.set_value(program.clone());
        let arguments = match given.arguments.as_slice() {
            [] => own,
            arguments => arguments,
        };
        command.arguments = [program].into_iter().chain(arguments).cloned().collect();
        Ok(command)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"acKind": "ImageManifest", "acVersion": "0.8.9", "name": "example.com/web",
        "labels": [{"name": "os", "value": "linux"}, {"name": "os", "value": "other"}],
        "annotations": [{"name": "created", "value": "2020-01-01T00:00:00Z"}],
        "dependencies": [{"imageName": "example.com/base", "imageID": "sha512-1", "size": 7,
            "labels": [{"name": "arch", "value": "amd64"}]}, {"imageName": "example.com/more"}],
        "app": {"exec": ["/bin/serve", "-v"], "user": "0", "group": "0", "workingDirectory": "/srv",
            "environment": [{"name": "PORT", "value": "80"}]}}"#;

    #[test]
    fn a_manifest_is_read_whole() {
        let got = Manifest::parse(WHOLE).expect("a manifest");
        assert_eq!(got.name, "example.com/web");
        assert_eq!(got.labels, [("os".into(), "linux".into())].into());
        let ids: Vec<_> = got.dependencies.iter().map(|d| d.id.as_deref()).collect();
        assert_eq!(ids, [Some("sha512-1"), None]);
        assert_eq!(got.dependencies[0].labels["arch"], "amd64");
        let app = got.app.expect("an app");
        assert_eq!(app.directory(), Some("/srv"));
        assert_eq!(
            app.variables().collect::<Vec<_>>(),
            [("PORT".into(), "80".into())]
        );
    }

    #[test]
    fn what_is_no_manifest_is_told_in_mesos_words() {
        for (text, want) in [
            ("{", "JSON parse failed: "),
            ("[]", "JSON parse failed: an object is expected"),
            ("{}", "Protobuf parse failed: missing field `acKind`"),
            (
                r#"{"acKind": "ImageManifest", "acVersion": "1", "name": 7}"#,
                "Protobuf parse failed: ",
            ),
            (
                r#"{"acKind": "PodManifest", "acVersion": "1", "name": "n"}"#,
                "Schema validation failed: Incorrect acKind field: PodManifest",
            ),
        ] {
            let got = Manifest::parse(text).expect_err(text);
            assert!(got.starts_with(want), "{text}: {got}");
        }
    }

    #[test]
    fn the_command_is_the_tasks_own_or_else_the_images() {
        let failed = |text: &str| Err(format!("Failed to determine the launch command: {text}"));
        let no_value = failed("Shell specified but no command value provided");
        let no_program = failed("No executable is found");
        let run = |all: &[&str]| Ok(all.iter().map(ToString::to_string).collect::<Vec<_>>());
        // Of the image: exec. Of the task: shell, value, arguments.
        for (exec, shell, value, arguments, want) in [
            (
                &["/e", "x"][..],
                false,
                None,
                &[][..],
                run(&["/e", "/e", "x"]),
            ),
            (&["/e", "x"], false, None, &["a"], run(&["/e", "/e", "a"])),
            (
                &["/e"],
                false,
                Some("/v"),
                &["v", "a"],
                run(&["/v", "v", "a"]),
            ),
            (&["/e"], true, Some("v"), &[], run(&["v"])),
            (&["/e"], true, None, &[], no_value.clone()),
            (&[], true, None, &["a"], no_value),
            (&[], false, None, &["a"], no_program.clone()),
            (&[], false, None, &[], no_program),
            (&[], false, Some("/v"), &[], run(&["/v"])),
        ] {
            let app = App {
                exec: exec.iter().map(ToString::to_string).collect(),
                ..App::default()
            };
            let mut given = CommandInfo::new();
            given.set_shell(shell);
            given.value = value.map(ToString::to_string);
            given.arguments = arguments.iter().map(ToString::to_string).collect();
            let got = app.command(&given).map(|command| {
                let value = command.value().to_string();
                [value]
                    .into_iter()
                    .chain(command.arguments)
                    .collect::<Vec<_>>()
            });
            assert_eq!(got, want, "{exec:?} {shell} {value:?} {arguments:?}");
        }
    }
}
