//! One launcher at a time makes images: two that found the same one missing would both make it, and each would take twice as
//! long.

use std::io::ErrorKind;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::time::Duration;

use tokio::time::Instant;

/// How long another launcher is waited for: longer than all images take on a slow machine. Whoever holds the name beyond
/// that is no launcher at work.
const PATIENCE: Duration = Duration::from_secs(900);

const ASK_AGAIN: Duration = Duration::from_millis(100);

/// The right to make images, until dropped.
///
/// It is a name in the kernel's abstract socket namespace: it leaves no file behind and goes with its process, however
/// that ends.
#[derive(Debug)]
pub(super) struct Turn {
    _name: Option<UnixListener>,
}

impl Turn {
    /// Waits until no other launcher has the turn of that name; `waiting` is called once if one has.
    ///
    /// Where the namespace cannot be used, and after 15 minutes, the turn is given regardless: images made twice are no harm.
    pub(super) async fn take(name: &str, waiting: impl FnOnce()) -> Self {
        Self::take_within(name, PATIENCE, waiting).await
    }

    async fn take_within(name: &str, patience: Duration, waiting: impl FnOnce()) -> Self {
        let Ok(address) = SocketAddr::from_abstract_name(name) else {
            return Self { _name: None };
        };
        let began = Instant::now();
        let mut waiting = Some(waiting);
        loop {
            match UnixListener::bind_addr(&address) {
                Ok(listener) => {
                    return Self {
                        _name: Some(listener),
                    };
                }
                Err(error)
                    if error.kind() == ErrorKind::AddrInUse && began.elapsed() < patience => {}
                Err(_) => return Self { _name: None },
            }
            if let Some(waiting) = waiting.take() {
                waiting();
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_next_turn_comes_when_the_one_before_is_over() {
        let name = format!("devcluster-turn-{}", std::process::id());
        let first = Turn::take(&name, || panic!("nobody is before the first")).await;
        let (said, heard) = tokio::sync::oneshot::channel();
        let second = tokio::spawn({
            let name = name.clone();
            async move {
                Turn::take(&name, || said.send(()).unwrap()).await;
            }
        });
        heard.await.unwrap();
        assert!(!second.is_finished());
        drop(first);
        second.await.unwrap();
    }

    #[tokio::test]
    async fn a_name_that_is_never_given_back_is_not_waited_for_for_ever() {
        let name = format!("devcluster-squatter-{}", std::process::id());
        let _squatter = Turn::take(&name, || {}).await;
        let patience = Duration::from_millis(1);
        let late = Turn::take_within(&name, patience, || {}).await;
        assert!(late._name.is_none());
    }
}
