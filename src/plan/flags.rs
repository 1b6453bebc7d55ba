//! Command-line flags: the launcher's own, changed by what the profile says.

use std::collections::BTreeMap;

use crate::profile::FlagValue;

/// How a program writes its flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// `--flag=value`, `--flag`, `--no-flag`: Mesos' programs.
    Stout,
    /// `-flag=value`: Aurora's scheduler.
    Aurora,
}

/// The flags of one program in the order in which they are given.
#[derive(Debug, Default)]
pub(super) struct Flags(Vec<(String, FlagValue)>);

impl Flags {
    /// Sets a flag, in its old place if it was there before.
    pub(super) fn set(&mut self, name: &str, value: FlagValue) {
        match self.0.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name.to_owned(), value)),
        }
    }

    pub(super) fn text(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set(name, FlagValue::Text(value.into()));
        self
    }

    /// Puts the profile's flags over these.
    pub(super) fn overlay(mut self, profile: &BTreeMap<String, FlagValue>) -> Self {
        for (name, value) in profile {
            self.set(name, value.clone());
        }
        self
    }

    /// The flags as arguments.
    pub(super) fn write<E>(
        self,
        style: Style,
        expand: impl Fn(&str) -> Result<String, E>,
    ) -> Result<Vec<String>, E> {
        self.0
            .into_iter()
            .map(|(name, value)| {
                Ok(match (style, value) {
                    (Style::Stout, FlagValue::Text(text)) => format!("--{name}={}", expand(&text)?),
                    (Style::Aurora, FlagValue::Text(text)) => format!("-{name}={}", expand(&text)?),
                    (Style::Stout, FlagValue::Switch(true)) => format!("--{name}"),
                    (Style::Stout, FlagValue::Switch(false)) => format!("--no-{name}"),
                    (Style::Aurora, FlagValue::Switch(switch)) => format!("-{name}={switch}"),
                })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn the_profile_wins_and_each_program_gets_its_own_style() {
        let profile = BTreeMap::from([
            ("quorum".to_owned(), FlagValue::Text("2".to_owned())),
            ("authenticate".to_owned(), FlagValue::Switch(false)),
        ]);
        let cases = [
            (Style::Stout, "--port=5050 --quorum=2 --no-authenticate"),
            (Style::Aurora, "-port=5050 -quorum=2 -authenticate=false"),
        ];
        for (style, want) in cases {
            let flags = Flags::default()
                .text("port", "5050")
                .text("quorum", "1")
                .overlay(&profile);
            let written = flags
                .write(style, |text| Ok::<_, Infallible>(text.to_owned()))
                .unwrap();
            assert_eq!(written.join(" "), want, "case {style:?}");
        }
    }
}
