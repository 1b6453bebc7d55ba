//! `config list`.

use std::collections::BTreeMap;

use crate::context::Context;
use crate::exit::{self, Failure, Result};
use crate::grammar;
use crate::python::{self, PythonError, Request};

/// Prints the keys of a file's jobs.
pub(super) async fn list(context: &Context) -> Result {
    let request = Request {
        file: context.args.word(grammar::PATHNAME.metavar),
        json: context.flag(&grammar::READ_JSON),
        bindings: python::bindings(context.args.values(grammar::name(&grammar::BIND))),
        key: None,
        registries: BTreeMap::new(),
        hooks: false,
    };
    let keys = python::keys(&request, context.console)
        .await
        .map_err(|error| {
            if let PythonError::File { traceback, .. } = &error
                && context.console.is_verbose()
            {
                context.console.err(traceback.trim_end());
            }
            match error {
                PythonError::Exited(code) => Failure::logged(code),
                other => Failure::new(
                    exit::COMMAND_FAILURE,
                    format!("Error loading configuration file: {other}"),
                ),
            }
        })?;
    context.console.out(&format!("jobs=[{}]", keys.join(", ")));
    Ok(exit::OK)
}
