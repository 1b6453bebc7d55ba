//! All processes at a moment, looked at once for everybody who asks at about the same time: the more
//! containers end, the more of them share a look.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::proc::{self, Process};

/// The least time between the beginnings of two looks.
const PAUSE: Duration = Duration::from_millis(20);

type Look = watch::Receiver<Option<Arc<Vec<Process>>>>;

struct State {
    /// The look that has not begun.
    next: Option<Look>,
    last: Option<Instant>,
}

static STATE: Mutex<State> = Mutex::new(State {
    next: None,
    last: None,
});

/// All processes as they are at a moment that has not come yet.
pub(super) async fn after_now() -> Arc<Vec<Process>> {
    loop {
        let mut look = join();
        if let Ok(found) = look.wait_for(Option::is_some).await
            && let Some(found) = found.as_ref()
        {
            return found.clone();
        }
        // Whoever was to look is gone, with its runtime.
        forget(&look);
    }
}

fn join() -> Look {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(next) = &state.next {
        return next.clone();
    }
    let (sender, look) = watch::channel(None);
    state.next = Some(look.clone());
    let begin = state.last.map_or_else(Instant::now, |last| last + PAUSE);
    let own = look.clone();
    tokio::spawn(async move {
        sleep_until(begin).await;
        // From here on those who ask want a later look than this one.
        forget(&own);
        STATE.lock().unwrap_or_else(PoisonError::into_inner).last = Some(Instant::now());
        // There may be thousands of them.
        if let Ok(all) = tokio::task::spawn_blocking(proc::all).await {
            sender.send_replace(Some(Arc::new(all)));
        }
    });
    look
}

fn forget(look: &Look) {
    let mut state = STATE.lock().unwrap_or_else(PoisonError::into_inner);
    if state
        .next
        .as_ref()
        .is_some_and(|next| next.same_channel(look))
    {
        state.next = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn those_who_ask_together_share_a_look_and_later_ones_get_another() {
        let (one, other) = tokio::join!(after_now(), after_now());
        assert!(Arc::ptr_eq(&one, &other));
        let mut child = std::process::Command::new("sleep")
            .arg("300")
            .spawn()
            .expect("runs");
        let pid = i32::try_from(child.id()).expect("small");
        let later = after_now().await;
        assert!(later.iter().any(|process| process.pid == pid));
        child.kill().expect("killed");
        child.wait().expect("reaped");
        assert!(after_now().await.iter().all(|process| process.pid != pid));
    }
}
