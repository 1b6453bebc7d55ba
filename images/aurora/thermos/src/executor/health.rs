//! When a task counts as healthy (`apache/aurora/executor/common/health_checker.py`). Pure: fed the
//! result of each check.

use crate::task::HealthCheckConfig;

/// What a check's result means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing new.
    Same,
    /// The task runs now. Said once.
    Running,
    /// The task has failed, and why.
    Unhealthy(String),
}

/// The health of one task so far.
#[derive(Debug)]
pub(crate) struct Health {
    forgiven: i64,
    max_failures: i64,
    min_successes: i64,
    attempts: i64,
    failures: i64,
    successes: i64,
    running: bool,
}

impl Health {
    pub(crate) fn new(config: &HealthCheckConfig) -> Self {
        let intervals = config.initial_interval_secs / config.interval_secs;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "clamped to a range that fits"
        )]
        let forgiven = if intervals.is_finite() {
            intervals.ceil().clamp(0.0, 1e9) as i64
        } else {
            0
        };
        Self {
            forgiven,
            max_failures: config.max_consecutive_failures.max(0),
            min_successes: config.min_consecutive_successes.max(0),
            attempts: 0,
            failures: 0,
            successes: 0,
            running: false,
        }
    }

    /// Takes in one check's result.
    pub(crate) fn checked(&mut self, result: Result<(), String>) -> Verdict {
        let limit = self.forgiven + self.max_failures + self.min_successes;
        if self.attempts <= limit {
            self.attempts += 1;
        }
        match result {
            Ok(()) => {
                self.successes += 1;
                self.failures = 0;
                if !self.running && self.successes >= self.min_successes {
                    self.running = true;
                    return Verdict::Running;
                }
            }
            Err(reason) => {
                self.successes = 0;
                // The grace period is over once the task runs: only failures in a row count then.
                if self.running || self.attempts > self.forgiven {
                    let left = limit - self.attempts;
                    let hopeless = !self.running && left > 1 && left < self.min_successes;
                    self.failures += 1;
                    if hopeless || self.failures > self.max_failures {
                        return Verdict::Unhealthy(reason);
                    }
                }
            }
        }
        if !self.running && self.attempts > limit {
            return Verdict::Unhealthy("Not enough successful health checks in time.".to_string());
        }
        Verdict::Same
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::HealthChecker;

    fn health(initial: f64, failures: i64, successes: i64) -> Health {
        Health::new(&HealthCheckConfig {
            checker: HealthChecker::Shell("true".into()),
            initial_interval_secs: initial,
            interval_secs: 10.0,
            max_consecutive_failures: failures,
            min_consecutive_successes: successes,
            timeout_secs: 1.0,
        })
    }

    /// `+` a success, `-` a failure; the answer is `R` running, `X` unhealthy, `.` nothing.
    fn play(mut health: Health, checks: &str) -> String {
        checks
            .chars()
            .map(|check| {
                match health.checked(if check == '+' {
                    Ok(())
                } else {
                    Err("bad".into())
                }) {
                    Verdict::Same => '.',
                    Verdict::Running => 'R',
                    Verdict::Unhealthy(_) => 'X',
                }
            })
            .collect()
    }

    #[test]
    fn health_is_judged_as_the_original_does() {
        // initial interval, max failures, min successes, checks, verdicts
        let cases = [
            (15.0, 0, 1, "+++", "R.."),
            (15.0, 0, 1, "--+", "..R"),
            (15.0, 0, 1, "---", "..X"),
            (0.0, 0, 1, "-", "X"),
            (0.0, 2, 1, "--+", "..R"),
            (0.0, 2, 1, "---", "..X"),
            (15.0, 0, 1, "+-", "RX"),
            (15.0, 2, 1, "+--+---", "R.....X"),
            (15.0, 0, 3, "+++", "..R"),
            (20.0, 1, 2, "+-+-+-", ".....X"),
            (0.0, 0, 0, "+", "R"),
        ];
        for (initial, failures, successes, checks, want) in cases {
            let got = play(health(initial, failures, successes), checks);
            assert_eq!(
                got, want,
                "case initial {initial}, f {failures}, s {successes}, {checks}"
            );
        }
    }

    #[test]
    fn successes_that_come_too_slowly_are_not_enough() {
        let mut health = health(10.0, 5, 2);
        let mut verdict = Verdict::Same;
        for check in 0..20 {
            verdict = health.checked(if check % 2 == 0 {
                Ok(())
            } else {
                Err("bad".into())
            });
            if verdict != Verdict::Same {
                break;
            }
        }
        assert_eq!(
            verdict,
            Verdict::Unhealthy("Not enough successful health checks in time.".into())
        );
    }
}
