//! What a role may be called.

/// Why a text is no role, in Mesos' words; `None` if it is one.
///
/// A role is a path of parts (messages.md, "Role names"); `*` alone is everybody's.
pub fn flaw(role: &str) -> Option<String> {
    if role == "*" {
        return None;
    }
    if role.is_empty() {
        return Some("Role names cannot be the empty string".into());
    }
    if role.starts_with('/') {
        return Some(format!("Role '{role}' cannot start with a slash"));
    }
    if role.ends_with('/') {
        return Some(format!("Role '{role}' cannot end with a slash"));
    }
    role.split('/').find_map(|part| part_flaw(role, part))
}

fn part_flaw(role: &str, part: &str) -> Option<String> {
    let is_blank = |c: char| matches!(c, '\t'..='\r' | ' ' | '\u{7f}');
    match part {
        "" => Some(format!("Role '{role}' cannot contain two adjacent slashes")),
        "." | ".." | "*" => Some(format!(
            "Role '{role}' cannot include '{part}' as a component"
        )),
        _ if part.starts_with('-') => Some(format!(
            "Role component '{part}' is invalid because it starts with a dash"
        )),
        _ if part.contains(is_blank) => Some(format!(
            "Role component '{part}' is invalid because it contains backspace or whitespace"
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_paths_without_surprises() {
        for good in ["*", "a", "a/b", "a-b", "a.b", "a\\b", "ä"] {
            assert_eq!(flaw(good), None, "case `{good}`");
        }
        for (bad, want) in [
            ("", "Role names cannot be the empty string"),
            (".", "Role '.' cannot include '.' as a component"),
            ("a/../b", "Role 'a/../b' cannot include '..' as a component"),
            ("a/*", "Role 'a/*' cannot include '*' as a component"),
            ("/a", "Role '/a' cannot start with a slash"),
            ("a/", "Role 'a/' cannot end with a slash"),
            ("a//b", "Role 'a//b' cannot contain two adjacent slashes"),
            (
                "-a",
                "Role component '-a' is invalid because it starts with a dash",
            ),
            (
                "c/a b",
                "Role component 'a b' is invalid because it contains backspace or whitespace",
            ),
        ] {
            assert_eq!(flaw(bad).as_deref(), Some(want), "case `{bad}`");
        }
    }
}
