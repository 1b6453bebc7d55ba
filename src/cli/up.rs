//! `devcluster up`.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use super::args::{Format, UpArgs};
use super::failure::Failure;
use super::interrupt::Interrupts;
use super::settings::Settings;
use crate::cluster::{self, Launcher, Recreate, UpOptions};
use crate::profile::Overrides;
use crate::report::{self, Reporter, Style};

/// How long an interrupted `up` waits for what the engine is just doing.
const SETTLED_WITHIN: Duration = Duration::from_millis(1500);

pub(super) async fn run(
    settings: &Settings,
    args: UpArgs,
    interrupts: &mut Interrupts,
) -> Result<ExitCode, Failure> {
    let UpArgs {
        subnet,
        agents,
        recreate,
        format,
    } = args;
    let profile = settings.profile(Overrides {
        subnet,
        agents,
        ..Overrides::default()
    })?;
    let style = match format {
        Format::Json => Style::Json,
        Format::Text if settings.quiet => Style::Quiet,
        Format::Text => Style::for_stderr(settings.verbose),
    };
    let reporter = Arc::new(Reporter::new(style));
    let options = UpOptions {
        recreate: if recreate {
            Recreate::All
        } else {
            Recreate::No
        },
        ..UpOptions::default()
    };
    let hint = "`devcluster up` goes on from here, `devcluster down` removes what was started";
    let events: Arc<dyn cluster::Events> = Arc::<Reporter>::clone(&reporter);
    let launcher = interrupts.during(hint, Launcher::connect()).await??;
    let bringing = cluster::up(&launcher, &profile, &options, events);
    let result = interrupts.during(hint, bringing).await;
    reporter.finish();
    if result.is_err() {
        // What the engine was asked for it makes: whoever comes next should find it made. But an interrupt ends soon.
        let _ = tokio::time::timeout(SETTLED_WITHIN, launcher.engine.settle()).await;
    }
    let status = result??;
    match format {
        Format::Json => report::json(&status),
        Format::Text => {
            report::table(&status);
            if !settings.quiet {
                report::next_steps(&settings.program());
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}
