//! `aurora`: Apache Aurora's command-line client, noun by noun and word by word.
//!
//! * [`argparse`]: usage, help and errors as Python's argparse words them
//! * [`grammar`]: the nouns, verbs and options
//! * [`config`]: `.aurora` files, evaluated by CPython, as what the scheduler is sent
//! * [`clusters`], [`discovery`], [`transport`], [`api`]: from a cluster's name to an answered call
//! * [`commands`]: one file per verb or family of verbs, each a function of its parsed arguments
//! * [`console`]: what is printed where
//! * [`v1`]: the flat commands of 2014
//! * [`admin`]: `aurora_admin`, the operators' program

pub mod admin;
pub mod api;
pub mod argparse;
pub mod auth;
pub mod clusters;
pub mod commands;
pub mod complete;
pub mod config;
pub mod console;
pub mod context;
pub mod discovery;
pub mod exit;
pub mod grammar;
pub mod hooks;
pub mod keys;
pub mod netrc;
pub mod pretty;
pub mod python;
pub mod quantity;
pub mod times;
pub mod transport;
pub mod uptime;
pub mod v1;

use std::ffi::OsString;
use std::process::ExitCode;

use argparse::Outcome;
use console::Console;
use context::Context;

/// The version this client stands for.
pub const VERSION: &str = "0.23.0-SNAPSHOT";

/// Runs the client. `args[0]` is the program's name.
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
    if words.is_empty() {
        words.push("-h".to_owned());
    }
    let width = argparse::terminal_width();
    if complete::is_asked() {
        for candidate in complete::candidates(&grammar::program(), &words) {
            console.out(&candidate);
        }
        return ExitCode::SUCCESS;
    }
    // Whoever speaks as in 2014 gets that time's exit codes: one for any failure, and a program's own.
    let flat = v1::today(&words);
    let is_flat = flat.is_some();
    if let Some(flat) = flat {
        words = flat;
    }
    if let Some(code) = v1::plain(&words, width, &console) {
        return ExitCode::from(code);
    }
    let outcome = v1::parse(&words, width).unwrap_or_else(|| grammar::parse(&words, width));
    let parsed = match outcome {
        Outcome::Parsed(parsed) => parsed,
        Outcome::Print(text) => {
            console.out(&text);
            return ExitCode::SUCCESS;
        }
        Outcome::Usage(text) => {
            console.err(&text);
            return ExitCode::from(exit::USAGE);
        }
    };
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            console.error(&format!("cannot start: {error}"));
            return ExitCode::from(exit::UNKNOWN_ERROR);
        }
    };
    let code = runtime.block_on(async {
        tokio::select! {
            code = commands::run(Context::new(parsed, console)) => code,
            _ = tokio::signal::ctrl_c() => {
                Console::new().error("Command interrupted by user");
                exit::INTERRUPTED
            }
        }
    });
    runtime.shutdown_background();
    let programs_own = words.first().is_some_and(|noun| noun == "task");
    if is_flat && code != exit::OK && !programs_own {
        return ExitCode::from(exit::DIED);
    }
    ExitCode::from(code)
}
