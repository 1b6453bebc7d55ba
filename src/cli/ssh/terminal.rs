//! This side's terminal: its raw mode and its size.

use std::io::stdin;
use std::sync::Arc;

use nix::sys::termios::{self, SetArg, Termios};
use tokio::signal::unix::{SignalKind, signal};

use crate::engine::{Engine, Terminal};

/// The size taken where the terminal does not say.
const USUAL: Terminal = Terminal {
    width: 80,
    height: 24,
};

/// The terminal hands every key on as it is; until this is dropped.
pub(super) struct RawMode(Termios);

impl RawMode {
    /// Enters raw mode; none where standard input is no terminal.
    pub(super) fn enter() -> Option<Self> {
        let before = termios::tcgetattr(stdin()).ok()?;
        let mut raw = before.clone();
        termios::cfmakeraw(&mut raw);
        termios::tcsetattr(stdin(), SetArg::TCSANOW, &raw).ok()?;
        Some(Self(before))
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that is gone needs no restoring.
        let _ = termios::tcsetattr(stdin(), SetArg::TCSANOW, &self.0);
    }
}

/// The size of standard output's terminal.
pub(super) fn size() -> Terminal {
    match console::Term::stdout().size_checked() {
        Some((height, width)) => Terminal { width, height },
        None => USUAL,
    }
}

/// Tells a command's terminal our size whenever that changes.
pub(super) async fn follow_size(engine: Arc<dyn Engine>, exec: String) {
    let Ok(mut changes) = signal(SignalKind::window_change()) else {
        return;
    };
    while changes.recv().await.is_some() {
        // A command that has just ended has no terminal to be told of.
        let _ = engine.resize_exec(&exec, size()).await;
    }
}
