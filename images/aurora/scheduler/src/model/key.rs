//! Job keys: their validity, and how the original prints them inside messages.

use std::fmt;

use aurora_api::{JobKey, JobUpdateKey, MAX_IDENTIFIER_LENGTH, is_good_identifier};

/// Whether a text may be part of a key.
pub fn is_valid_identifier(text: &str) -> bool {
    is_good_identifier(text) && text.len() <= MAX_IDENTIFIER_LENGTH
}

/// Whether all three parts are good.
pub fn is_valid(key: &JobKey) -> bool {
    [&key.role, &key.environment, &key.name]
        .into_iter()
        .all(|part| is_valid_identifier(part))
}

/// `IJobKey{role=…, environment=…, name=…}`
pub struct Verbose<'a>(pub &'a JobKey);

impl fmt::Display for Verbose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let JobKey {
            role,
            environment,
            name,
        } = self.0;
        write!(
            f,
            "IJobKey{{role={role}, environment={environment}, name={name}}}"
        )
    }
}

/// `IJobUpdateKey{job=…, id=…}`
pub struct VerboseUpdate<'a>(pub &'a JobUpdateKey);

impl fmt::Display for VerboseUpdate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "IJobUpdateKey{{job={}, id={}}}",
            Verbose(&self.0.job),
            self.0.id
        )
    }
}

/// A task's id: `<role>-<environment>-<name>-<instance>-<uuid>`, with every character that Mesos might
/// not like in a path replaced.
pub fn task_id(job: &JobKey, instance: i32, uuid: uuid::Uuid) -> String {
    let JobKey {
        role,
        environment,
        name,
    } = job;
    format!("{role}-{environment}-{name}-{instance}-{uuid}")
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || matches!(c, '_' | '-') {
                c
            } else {
                '-'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_has_only_safe_characters() {
        let id = task_id(
            &JobKey::new("www.data", "devel", "hello_world"),
            7,
            uuid::Uuid::nil(),
        );
        assert_eq!(
            id,
            "www-data-devel-hello_world-7-00000000-0000-0000-0000-000000000000"
        );
    }

    #[test]
    fn a_key_with_a_bad_part_is_invalid() {
        assert!(is_valid(&JobKey::new("a", "b.c", "d-e_f")));
        for bad in ["", "a/b", "a b", &"x".repeat(256)] {
            assert!(!is_valid(&JobKey::new(bad, "devel", "x")), "`{bad}`");
        }
    }

    #[test]
    fn a_key_prints_as_the_original_prints_it() {
        let key = JobUpdateKey {
            job: JobKey::new("r", "e", "n"),
            id: "u".to_string(),
        };
        assert_eq!(
            VerboseUpdate(&key).to_string(),
            "IJobUpdateKey{job=IJobKey{role=r, environment=e, name=n}, id=u}"
        );
    }
}
