//! Which environments jobs may be in.

use std::fmt;
use std::sync::{Arc, LazyLock};

use regex::Error;
use regex::bytes::{Regex, RegexBuilder};

/// `-allowed_job_environments`: a pattern that an environment's name must match as a whole. Compiled
/// once, and shared by its copies.
#[derive(Debug, Clone)]
pub struct Environments(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    pattern: String,
    /// Absent only if the built-in pattern did not compile: then nothing matches.
    whole: Option<Regex>,
}

static BUILT_IN: LazyLock<Environments> = LazyLock::new(|| {
    let pattern = r"^(prod|devel|test|staging\d*)$";
    Environments(Arc::new(Compiled {
        pattern: pattern.to_string(),
        whole: compile(pattern).ok(),
    }))
});

/// Over bytes: without Unicode's tables, a dot could otherwise end within a character, and is refused.
fn compile(pattern: &str) -> Result<Regex, Error> {
    RegexBuilder::new(&format!("^(?:{pattern})$"))
        .unicode(false)
        .build()
}

impl Environments {
    /// Those that match a pattern.
    pub fn new(pattern: &str) -> Result<Self, Error> {
        Ok(Self(Arc::new(Compiled {
            pattern: pattern.to_string(),
            whole: Some(compile(pattern)?),
        })))
    }

    /// Whether jobs may be in an environment of this name.
    pub fn allow(&self, name: &str) -> bool {
        let whole = self.0.whole.as_ref();
        whole.is_some_and(|whole| whole.is_match(name.as_bytes()))
    }
}

impl Default for Environments {
    fn default() -> Self {
        BUILT_IN.clone()
    }
}

/// The pattern as given.
impl fmt::Display for Environments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_must_match_as_a_whole() {
        let built_in = Environments::default();
        let own = Environments::new("a|b.").unwrap();
        for (environments, name, allowed) in [
            (&built_in, "prod", true),
            (&built_in, "staging42", true),
            (&built_in, "production", false),
            (&built_in, "", false),
            (&own, "a", true),
            (&own, "bc", true),
            (&own, "ab", false),
        ] {
            assert_eq!(
                environments.allow(name),
                allowed,
                "{name} in {environments}"
            );
        }
        assert!(Environments::new("(").is_err());
    }
}
