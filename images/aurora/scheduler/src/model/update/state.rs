//! The state machine of job updates, as a table.

use aurora_api::JobUpdateStatus;

/// Whether an update may go from one state to another. Staying is no change, and always allowed.
pub fn may_change(from: JobUpdateStatus, to: JobUpdateStatus) -> bool {
    use JobUpdateStatus as S;
    let allowed: &[S] = match from {
        S::RollingForward => &[
            S::RollingBack,
            S::RollForwardPaused,
            S::RollForwardAwaitingPulse,
            S::RolledForward,
            S::Aborted,
            S::Failed,
            S::Error,
        ],
        S::RollingBack => &[
            S::RollBackPaused,
            S::RollBackAwaitingPulse,
            S::RolledBack,
            S::Aborted,
            S::Failed,
            S::Error,
        ],
        S::RollForwardPaused => &[
            S::RollingForward,
            S::RollingBack,
            S::RollForwardAwaitingPulse,
            S::Aborted,
            S::Error,
        ],
        S::RollBackPaused => &[
            S::RollingBack,
            S::RollBackAwaitingPulse,
            S::Aborted,
            S::Error,
        ],
        S::RollForwardAwaitingPulse => &[
            S::RollingForward,
            S::RollingBack,
            S::RollForwardPaused,
            S::Aborted,
            S::Error,
        ],
        S::RollBackAwaitingPulse => &[S::RollingBack, S::RollBackPaused, S::Aborted, S::Error],
        S::RolledForward | S::RolledBack | S::Aborted | S::Failed | S::Error => &[],
    };
    allowed.contains(&to)
}

/// The paused form of an active state.
pub fn paused(from: JobUpdateStatus) -> Option<JobUpdateStatus> {
    use JobUpdateStatus as S;
    match from {
        S::RollingForward | S::RollForwardAwaitingPulse | S::RollForwardPaused => {
            Some(S::RollForwardPaused)
        }
        S::RollingBack | S::RollBackAwaitingPulse | S::RollBackPaused => Some(S::RollBackPaused),
        _ => None,
    }
}

/// The rolling form of a paused or waiting state.
pub fn rolling(from: JobUpdateStatus) -> Option<JobUpdateStatus> {
    use JobUpdateStatus as S;
    match from {
        S::RollForwardPaused | S::RollForwardAwaitingPulse => Some(S::RollingForward),
        S::RollBackPaused | S::RollBackAwaitingPulse => Some(S::RollingBack),
        _ => None,
    }
}

/// Where an update goes that is told to go on, depending on whether it has been without pulses for too
/// long. One that goes on already, or waits already, stays; none for any other.
pub fn resumed(from: JobUpdateStatus, pulse_is_stale: bool) -> Option<JobUpdateStatus> {
    use JobUpdateStatus as S;
    let direction = match from {
        S::RollingForward | S::RollForwardPaused | S::RollForwardAwaitingPulse => S::RollingForward,
        S::RollingBack | S::RollBackPaused | S::RollBackAwaitingPulse => S::RollingBack,
        _ => return None,
    };
    let (to, other) = match pulse_is_stale {
        true => (awaiting_pulse(direction), direction),
        false => (direction, awaiting_pulse(direction)),
    };
    (from != other).then_some(to)
}

/// The form of a rolling state that waits for a pulse.
pub fn awaiting_pulse(rolling: JobUpdateStatus) -> JobUpdateStatus {
    use JobUpdateStatus as S;
    match rolling {
        S::RollingBack => S::RollBackAwaitingPulse,
        _ => S::RollForwardAwaitingPulse,
    }
}

#[cfg(test)]
mod tests {
    use JobUpdateStatus as S;

    use super::*;

    #[test]
    fn no_update_leaves_a_terminal_state_and_all_others_can_be_aborted() {
        for from in S::ALL {
            for to in S::ALL {
                if from.is_terminal() {
                    assert!(!may_change(*from, *to), "{from} to {to}");
                }
            }
            assert_eq!(may_change(*from, S::Aborted), from.is_active(), "{from}");
        }
    }

    #[test]
    fn going_on_depends_on_pulses() {
        let cases = [
            (S::RollForwardPaused, false, Some(S::RollingForward)),
            (
                S::RollForwardPaused,
                true,
                Some(S::RollForwardAwaitingPulse),
            ),
            (S::RollingForward, false, Some(S::RollingForward)),
            (S::RollingForward, true, None),
            (
                S::RollForwardAwaitingPulse,
                true,
                Some(S::RollForwardAwaitingPulse),
            ),
            (S::RollForwardAwaitingPulse, false, None),
            (S::RollBackPaused, false, Some(S::RollingBack)),
            (S::RollBackPaused, true, Some(S::RollBackAwaitingPulse)),
            (S::RolledForward, false, None),
            (S::Aborted, true, None),
        ];
        for (from, stale, to) in cases {
            assert_eq!(resumed(from, stale), to, "{from}, {stale}");
        }
    }

    #[test]
    fn pausing_and_resuming_lead_back_to_the_same_direction() {
        for from in S::ACTIVE {
            let paused = paused(*from).unwrap();
            assert!(may_change(*from, paused) || *from == paused, "{from}");
            let again = rolling(paused).unwrap();
            assert!(may_change(paused, again) && may_change(paused, awaiting_pulse(again)));
            let back = matches!(
                from,
                S::RollingBack | S::RollBackPaused | S::RollBackAwaitingPulse
            );
            assert_eq!(again == S::RollingBack, back, "{from}");
        }
    }
}
