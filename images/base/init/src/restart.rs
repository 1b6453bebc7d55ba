//! When a program that ended is started again, and when it is given up. Pure: it is told how long the program lived.

use std::time::Duration;

/// A program that ends sooner after its start has not really come up.
const COMES_UP_WITHIN: Duration = Duration::from_secs(1);

/// So many ends in a row without coming up are one too many.
const ATTEMPTS: u32 = 3;

/// The pause before a program that had come up is started again. Each end without coming up makes it four times longer.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    StartAfter(Duration),
    GiveUp,
}

/// One program's recent past.
#[derive(Debug, Default)]
pub(crate) struct Restarts {
    /// Ends in a row that came too soon after the start.
    failed_starts: u32,
}

impl Restarts {
    /// What to do now that the program ended after living for `lived`.
    pub(crate) fn ended_after(&mut self, lived: Duration) -> Next {
        if lived >= COMES_UP_WITHIN {
            self.failed_starts = 0;
            return Next::StartAfter(FIRST_PAUSE);
        }
        self.failed_starts += 1;
        if self.failed_starts >= ATTEMPTS {
            Next::GiveUp
        } else {
            Next::StartAfter(FIRST_PAUSE * 4u32.pow(self.failed_starts))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A name, how long each run lived in ms, and the pause after each in ms, or none where it is given up.
    type Case = (&'static str, &'static [u64], &'static [Option<u64>]);

    fn story(lives_ms: &[u64]) -> Vec<Option<u64>> {
        let mut restarts = Restarts::default();
        lives_ms
            .iter()
            .map(
                |&lived| match restarts.ended_after(Duration::from_millis(lived)) {
                    Next::StartAfter(pause) => u64::try_from(pause.as_millis()).ok(),
                    Next::GiveUp => None,
                },
            )
            .collect()
    }

    #[test]
    fn a_program_is_given_up_at_its_third_early_end_in_a_row() {
        let cases: [Case; 4] = [
            (
                "never comes up",
                &[0, 10, 999],
                &[Some(200), Some(800), None],
            ),
            (
                "dies now and then",
                &[1000, 60_000, 5000],
                &[Some(50), Some(50), Some(50)],
            ),
            (
                "a long life wipes the slate",
                &[0, 0, 1000, 0, 0, 0],
                &[Some(200), Some(800), Some(50), Some(200), Some(800), None],
            ),
            (
                "a slow death is no early end",
                &[0, 0, 1500],
                &[Some(200), Some(800), Some(50)],
            ),
        ];
        for (name, lives, want) in cases {
            assert_eq!(story(lives), want, "case `{name}`");
        }
    }
}
