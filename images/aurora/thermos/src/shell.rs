//! The shell that command lines are written for: `/bin/bash`, and in images without one, `/bin/sh`.

use std::path::Path;
use std::process::Command;

const BASH: &str = "/bin/bash";
const SH: &str = "/bin/sh";

/// A command that runs `cmdline` in the shell that there is.
pub(crate) fn command(cmdline: &str) -> Command {
    of(Path::new(BASH).exists(), cmdline)
}

fn of(has_bash: bool, cmdline: &str) -> Command {
    if has_bash {
        let mut bash = Command::new(BASH);
        bash.arg("-c").arg(cmdline);
        return bash;
    }
    // Other shells know nothing of BASH_ENV, which is how a task's profile is read.
    let mut sh = Command::new(SH);
    sh.arg("-c").arg(format!(
        "[ -z \"${{BASH_ENV-}}\" ] || . \"$BASH_ENV\"\n{cmdline}"
    ));
    sh
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_by_either_shell_and_exit_status_and_quotes_survive() {
        let dir = tempfile::tempdir().unwrap();
        let profile = dir.path().join("profile");
        std::fs::write(&profile, "export WORD='it is'\n").unwrap();
        for has_bash in [true, false] {
            let output = of(has_bash, "echo \"$WORD 'so'\"; exit 3")
                .env("BASH_ENV", &profile)
                .output()
                .unwrap();
            assert_eq!(output.status.code(), Some(3), "bash: {has_bash}");
            assert_eq!(output.stdout, b"it is 'so'\n", "bash: {has_bash}");
            let output = of(has_bash, "echo plain")
                .env_remove("BASH_ENV")
                .output()
                .unwrap();
            assert_eq!(output.stdout, b"plain\n", "bash: {has_bash}");
        }
    }
}
