//! `devcluster status`.

use std::process::ExitCode;

use super::args::{Format, StatusArgs};
use super::failure::Failure;
use super::interrupt::Interrupts;
use super::settings::Settings;
use crate::cluster::{self, Launcher};
use crate::report;

pub(super) async fn run(
    settings: &Settings,
    args: StatusArgs,
    interrupts: &mut Interrupts,
) -> Result<ExitCode, Failure> {
    let StatusArgs { format } = args;
    let cluster = settings.cluster()?;
    let looking = async {
        let launcher = Launcher::connect().await?;
        Ok::<_, Failure>(cluster::status(&launcher, &cluster).await?)
    };
    let status = interrupts.during("", looking).await??;
    match format {
        Format::Json => report::json(&status),
        Format::Text => {
            report::table(&status);
            if !settings.quiet {
                report::troubles(&status, &settings.program());
            }
        }
    }
    Ok(if status.ready {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
