//! The verbs.

mod config;
mod cron;
mod job;
mod quota;
mod sla;
mod task;
mod update;
mod v1;

use crate::context::Context;
use crate::exit::{self, Failure, Result};

/// Runs the command that the context's arguments name, and says what the program exits with.
pub async fn run(context: Context) -> u8 {
    let result = dispatch(&context).await;
    match result {
        Ok(exit::OK) => {
            context.console.debug("Command terminated successfully");
            exit::OK
        }
        Ok(code) => {
            context
                .console
                .info(&format!("Command terminated with error code {code}"));
            code
        }
        Err(failure) => {
            if !failure.message.is_empty() {
                context.console.err(&failure.message);
            }
            failure.code
        }
    }
}

async fn dispatch(context: &Context) -> Result {
    match context.args.path.as_slice() {
        ["config", "list"] => config::list(context).await,
        ["cron", "schedule"] => cron::schedule(context).await,
        ["cron", "deschedule"] => cron::deschedule(context).await,
        ["cron", "start"] => cron::start(context).await,
        ["cron", "show"] => cron::show(context).await,
        ["job", "add"] => job::add(context).await,
        ["job", "create"] => job::create(context).await,
        ["job", "diff"] => job::diff(context).await,
        ["job", "inspect"] => job::inspect(context).await,
        ["job", "kill"] => job::kill::kill(context).await,
        ["job", "killall"] => job::kill::killall(context).await,
        ["job", "list"] => job::list(context).await,
        ["job", "open"] => job::open(context).await,
        ["job", "restart"] => job::restart(context).await,
        ["job", "status"] => job::status(context).await,
        ["quota", "get"] => quota::get(context).await,
        ["sla", "get-task-up-count"] => sla::task_up_count(context).await,
        ["sla", "get-job-uptime"] => sla::job_uptime(context).await,
        ["task", "run"] => task::run(context).await,
        ["task", "ssh"] => task::ssh(context).await,
        ["task", "scp"] => task::scp(context).await,
        ["update", "start"] => update::start(context).await,
        ["update", "pause"] => update::control::pause(context).await,
        ["update", "resume"] => update::control::resume(context).await,
        ["update", "abort"] => update::control::abort(context).await,
        ["update", "rollback"] => update::control::rollback(context).await,
        ["update", "list"] => update::list(context).await,
        ["update", "info"] => update::info(context).await,
        ["update", "wait"] => update::wait(context).await,
        ["create"] => failing_with_one(v1::create(context).await),
        ["kill" | "killall"] => failing_with_one(v1::kill(context).await),
        ["status"] => failing_with_one(job::status(context).await),
        ["list_jobs"] => failing_with_one(v1::list_jobs(context).await),
        other => Err(Failure::new(
            exit::INVALID_COMMAND,
            format!("`aurora {}` is not known to this client", other.join(" ")),
        )),
    }
}

/// The commands of 2014 had no other code for a failure.
fn failing_with_one(result: Result) -> Result {
    match result {
        Ok(exit::OK) => Ok(exit::OK),
        Ok(_) => Err(Failure::logged(exit::DIED)),
        Err(Failure { message, .. }) => Err(Failure {
            code: exit::DIED,
            message,
        }),
    }
}
