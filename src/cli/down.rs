//! `devcluster down`.

use std::process::ExitCode;
use std::sync::Arc;

use super::args::{DownArgs, Format};
use super::failure::Failure;
use super::interrupt::Interrupts;
use super::settings::Settings;
use crate::cluster::{self, Launcher};
use crate::report::{self, Reporter, Style};

pub(super) async fn run(
    settings: &Settings,
    args: DownArgs,
    interrupts: &mut Interrupts,
) -> Result<ExitCode, Failure> {
    let DownArgs { format } = args;
    let cluster = settings.cluster()?;
    let style = match format {
        Format::Json => Style::Json,
        Format::Text if settings.verbose => Style::Plain { verbose: true },
        Format::Text => Style::Quiet,
    };
    let reporter = Arc::new(Reporter::new(style));
    let hint = "`devcluster down` goes on from here";
    let removing = async {
        let launcher = Launcher::connect().await?;
        Ok::<_, Failure>(cluster::down(&launcher, &cluster, reporter.as_ref()).await?)
    };
    let removed = interrupts.during(hint, removing).await??;
    if format == Format::Text && !settings.quiet {
        report::removed(&cluster, removed);
    }
    Ok(ExitCode::SUCCESS)
}
