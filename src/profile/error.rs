//! What can be wrong with a profile.

/// A profile that says something it must not: where, what, and what is allowed there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProfileError {
    /// The file, or the name of a built-in profile, or the flag or variable that overrode it.
    pub file: String,
    /// Line in the file, from 1; none when the whole is at fault.
    pub line: Option<usize>,
    /// What is wrong there, with the key and what was found.
    pub problem: String,
    /// What to do about it.
    pub remedy: Option<String>,
}

impl std::fmt::Display for ProfileError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            line,
            problem,
            remedy: _,
        } = self;
        match line {
            Some(line) => write!(f, "`{file}` line {line}: {problem}"),
            None => write!(f, "`{file}`: {problem}"),
        }
    }
}

impl std::error::Error for ProfileError {}
