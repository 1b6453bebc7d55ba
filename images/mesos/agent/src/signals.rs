//! What the C library calls each signal (`strsignal`), as Mesos' messages name them.

/// Texts by signal number, from 1, on Linux.
const DESCRIPTIONS: [&str; 31] = [
    "Hangup",
    "Interrupt",
    "Quit",
    "Illegal instruction",
    "Trace/breakpoint trap",
    "Aborted",
    "Bus error",
    "Floating point exception",
    "Killed",
    "User defined signal 1",
    "Segmentation fault",
    "User defined signal 2",
    "Broken pipe",
    "Alarm clock",
    "Terminated",
    "Stack fault",
    "Child exited",
    "Continued",
    "Stopped (signal)",
    "Stopped",
    "Stopped (tty input)",
    "Stopped (tty output)",
    "Urgent I/O condition",
    "CPU time limit exceeded",
    "File size limit exceeded",
    "Virtual timer expired",
    "Profiling timer expired",
    "Window changed",
    "I/O possible",
    "Power failure",
    "Bad system call",
];

/// The text for a signal.
pub fn description(signal: i32) -> String {
    usize::try_from(signal)
        .ok()
        .and_then(|n| n.checked_sub(1))
        .and_then(|n| DESCRIPTIONS.get(n))
        .map_or_else(|| format!("Unknown signal {signal}"), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_usual_names() {
        assert_eq!(description(9), "Killed");
        assert_eq!(description(15), "Terminated");
        assert_eq!(description(31), "Bad system call");
        assert_eq!(description(64), "Unknown signal 64");
        assert_eq!(description(0), "Unknown signal 0");
    }
}
