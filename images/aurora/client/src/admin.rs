//! `aurora_admin`: what operators ask of a scheduler (`apache/aurora/admin/`).
//!
//! * [`optparse`]: command lines and help as Python's optparse has them
//! * [`grammar`]: the commands and their options
//! * one file per family of commands, each a function of a [`session::Session`]

mod cluster;
mod grammar;
mod help;
mod maintenance;
mod optparse;
mod prune;
mod query;
mod quota;
mod session;
mod sla;
mod storage;

use std::ffi::OsString;
use std::process::ExitCode;

use crate::argparse::terminal_width;
use crate::complete;
use crate::console::Console;
use crate::exit::{self, Result};
use crate::python;
use optparse::Parsed;
use session::{Session, die};

/// How the program calls itself.
const NAME: &str = "aurora_admin";

/// Runs the program. `args[0]` is its name.
pub fn main(args: Vec<OsString>) -> ExitCode {
    if let Some(code) = python::instead(args.get(1..).unwrap_or_default()) {
        return code;
    }
    let mut words: Vec<String> = args
        .into_iter()
        .skip(1)
        .map(|arg| arg.to_string_lossy().into_owned())
        .collect();
    let console = Console::new();
    if complete::is_asked() {
        for candidate in help::candidates(&words) {
            console.out(&candidate);
        }
        return ExitCode::SUCCESS;
    }
    let width = terminal_width();
    let Some(place) = words.iter().position(|word| !word.starts_with('-')) else {
        return help::without_command(&words, width, console);
    };
    // Options may stand before the command.
    let name = words.remove(place);
    if name == "help" {
        return help::command(&words, width, console);
    }
    let Some(command) = grammar::find(&name) else {
        console.err(&help::terse());
        console.err(&format!("{NAME}: error: no such command: {name}"));
        return ExitCode::from(exit::USAGE);
    };
    let parsed = match optparse::parse(command, &words) {
        Ok(parsed) => parsed,
        Err(optparse::Stop::Help) => {
            console.out(&help::of(command, width));
            return ExitCode::SUCCESS;
        }
        Err(optparse::Stop::Error(error)) => {
            console.err(&format!("{}\n{NAME}: error: {error}", help::usage(command)));
            return ExitCode::from(exit::USAGE);
        }
    };
    let quiet = parsed.flag("-q") && !parsed.flag("-v");
    let console = console.verbose(parsed.flag("-v")).quiet(quiet);
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            console.error(&format!("cannot start: {error}"));
            return ExitCode::FAILURE;
        }
    };
    let result = runtime.block_on(async {
        let session = Session::new(parsed, console);
        tokio::select! {
            result = run(command, &session) => result,
            _ = tokio::signal::ctrl_c() => Ok(exit::INTERRUPTED),
        }
    });
    runtime.shutdown_background();
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            if !failure.message.is_empty() {
                console.fatal(&failure.message);
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(command: &grammar::Command, session: &Session) -> Result {
    let Parsed { words, .. } = &session.args;
    if command.words.is_some_and(|count| count != words.len()) {
        let first = command.usage.lines().next().unwrap_or_default();
        return Err(die(format!(
            "usage: {first}\n\nsee the help subcommand for more details."
        )));
    }
    let done = match command.name {
        "query" => query::query(session).await,
        "prune_tasks" => prune::prune_tasks(session).await,
        "set_quota" => quota::set(session).await,
        "increase_quota" => quota::increase(session).await,
        "scheduler_backup_now" => storage::backup_now(session).await,
        "scheduler_list_backups" => storage::list_backups(session).await,
        "scheduler_stage_recovery" => storage::stage(session).await,
        "scheduler_print_recovery_tasks" => storage::print_tasks(session).await,
        "scheduler_delete_recovery_tasks" => storage::delete_tasks(session).await,
        "scheduler_commit_recovery" => storage::commit(session).await,
        "scheduler_unload_recovery" => storage::unload(session).await,
        "scheduler_snapshot" => storage::snapshot(session).await,
        "reconcile_tasks" => prune::reconcile_tasks(session).await,
        "sla_list_safe_domain" => sla::list_safe_domain(session).await,
        "sla_probe_hosts" => sla::probe_hosts(session).await,
        "get_cluster_config" => cluster::config(session),
        "get_scheduler" => cluster::scheduler(session).await,
        "host_deactivate" => maintenance::deactivate(session).await,
        "host_activate" => maintenance::activate(session).await,
        "host_drain" => maintenance::drain::drain(session).await,
        "sla_host_drain" => maintenance::sla_drain(session).await,
        "host_status" => maintenance::status(session).await,
        other => Err(die(format!("no such command: {other}"))),
    };
    done.map(|()| exit::OK)
}
