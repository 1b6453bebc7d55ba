//! `devcluster up`.

use std::process::ExitCode;
use std::sync::Arc;

use super::args::{Format, UpArgs};
use super::failure::Failure;
use super::interrupt::Interrupts;
use super::settings::Settings;
use crate::cluster::{self, Launcher, Recreate, UpOptions};
use crate::profile::Overrides;
use crate::report::{self, Reporter, Style};

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
    let bringing = async {
        let launcher = Launcher::connect().await?;
        Ok::<_, Failure>(cluster::up(&launcher, &profile, &options, events).await?)
    };
    let result = interrupts.during(hint, bringing).await;
    reporter.finish();
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
