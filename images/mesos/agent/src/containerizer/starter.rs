//! The thread that makes sandboxes and starts processes. Neither is to hold up the agent's conversations:
//! disks can be slow, and starting a process waits until the kernel has let it run for the first time.
//!
//! It is one thread for as long as the agent lives, since a process that wants to hear of its parent's end
//! hears of the end of the thread that made it.

use std::io;
use std::sync::mpsc;
use std::thread;

use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

type Work = Box<dyn FnOnce() + Send>;

/// Hands work to the thread, which does it in order.
#[derive(Debug)]
pub(super) struct Starter(mpsc::Sender<Work>);

impl Starter {
    /// Starts the thread. Its work may use the runtime of whoever calls.
    pub(super) fn new() -> io::Result<Self> {
        let (sender, work) = mpsc::channel::<Work>();
        let runtime = Handle::current();
        thread::Builder::new()
            .name("starter".to_string())
            .spawn(move || {
                let _entered = runtime.enter();
                work.into_iter().for_each(|work| work());
            })?;
        Ok(Self(sender))
    }

    /// Has something done that may take a while.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<R, String> + Send + 'static,
    ) -> Result<R, String> {
        let (sender, done) = oneshot::channel();
        // A thread that is gone leaves `sender` unused, and a caller that is gone wants no answer.
        let _ = self.0.send(Box::new(move || drop(sender.send(work()))));
        let gone = |_| "the agent ends".to_string();
        done.await.map_err(gone)?
    }

    /// Has a process started.
    pub(super) async fn start(
        &self,
        command: std::process::Command,
    ) -> Result<io::Result<Child>, String> {
        self.run(move || Ok(Command::from(command).spawn())).await
    }
}
