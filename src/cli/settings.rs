//! What the arguments, the environment and the profile come to.

use std::path::Path;

use super::args::Common;
use super::failure::Failure;
use crate::profile::{
    ClusterName, NameError, Overrides, Profile, ProfileError, builtin, builtin_names,
};
use crate::spelling::{nearest, quoted};

/// The profile taken when none is named and the folder has one.
const USUAL: &str = "devcluster.toml";

/// Resolved settings of every verb.
pub(super) struct Settings {
    name: Option<ClusterName>,
    profile: ProfileSource,
    pub(super) quiet: bool,
    pub(super) verbose: bool,
}

/// A profile's text and where it is from.
struct ProfileSource {
    file: String,
    text: Result<String, Failure>,
}

impl Settings {
    pub(super) fn resolve(common: Common) -> Result<Self, Failure> {
        let Common {
            profile,
            name,
            quiet,
            verbose,
        } = common;
        let name = name
            .filter(|name| !name.is_empty())
            .map(|name| name.parse())
            .transpose();
        let name = name.map_err(|error: NameError| Failure::usage(error.to_string()))?;
        Ok(Self {
            name,
            profile: find(profile.filter(|profile| !profile.is_empty())),
            quiet,
            verbose,
        })
    }

    /// The profile with what the command line and the environment change in it.
    pub(super) fn profile(&self, overrides: Overrides) -> Result<Profile, Failure> {
        let text = self.profile.text.as_ref().map_err(Clone::clone)?;
        let overrides = Overrides {
            name: self.name.clone(),
            ..overrides
        };
        Ok(Profile::parse(&self.profile.file, text, &overrides)?)
    }

    /// How a hint must call the program so that it is about the same cluster: with the name, where that is not what the
    /// program would take without any flags.
    pub(super) fn program(&self) -> String {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let plain = Self {
            name: variable("DEVCLUSTER_NAME").and_then(|name| name.parse().ok()),
            profile: find(variable("DEVCLUSTER_PROFILE")),
            quiet: false,
            verbose: false,
        };
        match (self.cluster(), plain.cluster()) {
            (Ok(ours), Ok(plain)) if ours == plain => "devcluster".to_owned(),
            (Ok(ours), _) => format!("devcluster --name {ours}"),
            (Err(_), _) => "devcluster".to_owned(),
        }
    }

    /// The cluster that a verb is about: the one named, which needs no profile, else the profile's.
    pub(super) fn cluster(&self) -> Result<ClusterName, Failure> {
        match &self.name {
            Some(name) => Ok(name.clone()),
            None => Ok(self.profile(Overrides::default())?.name),
        }
    }
}

/// A file if there is one of that name, else a built-in profile.
fn find(asked: Option<String>) -> ProfileSource {
    let Some(asked) = asked else {
        return if Path::new(USUAL).exists() {
            read(USUAL)
        } else {
            ProfileSource {
                file: "default".to_owned(),
                text: Ok(builtin("default").unwrap_or_default().to_owned()),
            }
        };
    };
    match builtin(&asked) {
        Some(text) if !Path::new(&asked).exists() => ProfileSource {
            file: asked,
            text: Ok(text.to_owned()),
        },
        _ => read(&asked),
    }
}

fn read(file: &str) -> ProfileSource {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let near = nearest(file, builtin_names());
        let remedy = match near {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!(
                "give a TOML file, or one of the built-in profiles: {}",
                quoted(builtin_names())
            ),
        };
        let problem = match error.kind() {
            std::io::ErrorKind::NotFound => {
                "there is no such profile, neither a file nor a built-in one".to_owned()
            }
            std::io::ErrorKind::InvalidData => "is no text".to_owned(),
            _ => format!("cannot be read: {error}"),
        };
        ProfileError {
            file: file.to_owned(),
            line: None,
            problem,
            remedy: Some(remedy),
        }
        .into()
    });
    ProfileSource {
        file: file.to_owned(),
        text,
    }
}
