//! `devcluster ssh`: a terminal in a node, or a command there whose exit code is ours.

mod terminal;

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::args::SshArgs;
use super::failure::Failure;
use super::interrupt::Interrupts;
use super::settings::Settings;
use crate::cluster::{self, ClusterError, Launcher, labels};
use crate::engine::{ContainerId, Engine, ExecSession, ExecSpec, FoundContainer, Output, RunState};
use terminal::RawMode;

/// Marks a command and all that it starts, so that they can be ended when we are.
const MARK: &str = "DEVCLUSTER_SSH";

pub(super) async fn run(
    settings: &Settings,
    args: SshArgs,
    interrupts: &mut Interrupts,
) -> Result<ExitCode, Failure> {
    let SshArgs { node, command } = args;
    let cluster = settings.cluster()?;
    let finding = async {
        let launcher = Launcher::connect().await?;
        let found = cluster::find_node(&launcher, &cluster, &node).await?;
        if found.state != RunState::Running {
            let node = crate::plan::NodeName::new(node);
            return Err(ClusterError::NotRunning {
                node,
                status: found.status,
            }
            .into());
        }
        Ok::<_, Failure>((launcher, found))
    };
    let (launcher, found) = interrupts.during("", finding).await??;
    let mark = format!("{}-{:?}", std::process::id(), std::time::SystemTime::now())
        .replace(|c: char| !c.is_ascii_alphanumeric(), "");
    let spec = spec(&found, command, &mark);
    let session = launcher.engine.exec(&found.id, &spec).await?;
    let id = session.id.clone();
    let ended = tokio::select! {
        ended = converse(Arc::clone(&launcher.engine), session, spec.terminal.is_some()) => Some(ended?),
        () = interrupts.next() => None,
    };
    if ended != Some(Ended::Itself) {
        // The engine leaves a command running when its client goes, so it is ended here.
        end(launcher.engine.as_ref(), &found.id, &mark).await;
        return if ended.is_none() {
            Err(Failure::interrupted(""))
        } else {
            Ok(ExitCode::FAILURE)
        };
    }
    let code = exit_code(launcher.engine.as_ref(), &id).await;
    if code.is_err() && spec.terminal.is_some() {
        // Our terminal is gone, so the command's is too; without it the command would stay for good.
        end(launcher.engine.as_ref(), &found.id, &mark).await;
    }
    code
}

/// A shell that is there, as at a login.
const SHELL: &str = "if command -v bash >/dev/null 2>&1; then exec bash -l; else exec sh -l; fi";

fn spec(found: &FoundContainer, command: Vec<String>, mark: &str) -> ExecSpec {
    let terminal =
        (std::io::stdin().is_terminal() && std::io::stdout().is_terminal()).then(terminal::size);
    let command = if command.is_empty() {
        ["sh", "-c", SHELL].map(str::to_owned).to_vec()
    } else {
        command
    };
    let mut env = vec![format!("{MARK}={mark}")];
    if let (Some(_), Ok(kind)) = (terminal, std::env::var("TERM")) {
        env.push(format!("TERM={kind}"));
    }
    ExecSpec {
        command,
        env,
        folder: found.labels.get(labels::WORK_FOLDER).cloned(),
        input: true,
        terminal,
    }
}

/// How a conversation came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The command ended.
    Itself,
    /// Nobody reads what it prints.
    Unread,
}

/// Carries input, output and the terminal's size until the command ends.
async fn converse(
    engine: Arc<dyn Engine>,
    session: ExecSession,
    terminal: bool,
) -> Result<Ended, Failure> {
    let ExecSession {
        id,
        mut output,
        mut input,
    } = session;
    let raw = if terminal { RawMode::enter() } else { None };
    let typing = tokio::spawn(async move {
        let mut stdin = tokio::io::stdin();
        let mut piece = vec![0; 16 << 10];
        while let Ok(read) = stdin.read(&mut piece).await {
            let Some(bytes) = piece.get(..read).filter(|bytes| !bytes.is_empty()) else {
                break;
            };
            if input
                .write_all(bytes)
                .await
                .and(input.flush().await)
                .is_err()
            {
                return;
            }
        }
        // The end of our input is the end of the command's; it may have ended before.
        let _ = input.shutdown().await;
    });
    let resizing = terminal.then(|| tokio::spawn(terminal::follow_size(engine, id)));
    let (mut out, mut err) = (tokio::io::stdout(), tokio::io::stderr());
    let mut ended = Ok(Ended::Itself);
    while let Some(piece) = output.next().await {
        let written = match piece {
            Ok(Output::Out(bytes)) => out.write_all(&bytes).await.and(out.flush().await),
            Ok(Output::Err(bytes)) => err.write_all(&bytes).await.and(err.flush().await),
            Err(error) => {
                ended = Err(error.into());
                break;
            }
        };
        if written.is_err() {
            ended = Ok(Ended::Unread);
            break;
        }
    }
    typing.abort();
    if let Some(resizing) = resizing {
        resizing.abort();
    }
    drop(raw);
    ended
}

/// The command's exit code, which the engine knows a moment after the output's end.
async fn exit_code(engine: &dyn Engine, id: &str) -> Result<ExitCode, Failure> {
    for _ in 0..100 {
        if let Some(code) = engine.exec_exit(id).await? {
            return Ok(ExitCode::from(u8::try_from(code & 0xff).unwrap_or(1)));
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(Failure::other(
        "the command closed its output and still runs".to_owned(),
    ))
}

/// Ends the command and all that it started: whatever has the mark in its environment.
async fn end(engine: &dyn Engine, container: &ContainerId, mark: &str) {
    let script = format!(
        "for p in /proc/[0-9]*; do p=${{p#/proc/}}; [ $p = $$ ] || if tr '\\0' '\\n' </proc/$p/environ 2>/dev/null | grep -qx {MARK}={mark}; \
         then kill -HUP $p; kill -TERM $p; fi; done 2>/dev/null"
    );
    let spec = ExecSpec {
        command: vec!["sh".to_owned(), "-c".to_owned(), script],
        ..ExecSpec::default()
    };
    let ending = async {
        if let Ok(mut session) = engine.exec(container, &spec).await {
            while session.output.next().await.is_some() {}
        }
    };
    // We are on our way out: what cannot be ended soon stays.
    let _ = tokio::time::timeout(Duration::from_millis(1500), ending).await;
}
