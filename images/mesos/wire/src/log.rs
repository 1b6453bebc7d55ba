//! The log of a tier: one line an event on standard error, in the order level, time, text.

use std::fmt;
use std::fs::OpenOptions;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};
use tracing_subscriber::fmt::{FmtContext, time::SystemTime};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::reload;

/// `I 2026-01-02T03:04:05.678901Z text key=value`: the level's first letter, as in glog's lines.
struct Line;

impl<S, N> FormatEvent<S, N> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let letter = match *event.metadata().level() {
            Level::ERROR => 'E',
            Level::WARN => 'W',
            Level::INFO => 'I',
            Level::DEBUG => 'D',
            Level::TRACE => 'T',
        };
        write!(writer, "{letter} ")?;
        SystemTime.format_time(&mut writer)?;
        writer.write_char(' ')?;
        context
            .field_format()
            .format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}

/// Sets the level of the running log.
type SetLevel = Box<dyn Fn(Level) + Send + Sync>;

/// How the level is changed, and the one to begin with.
static RUNNING: OnceLock<(SetLevel, Level)> = OnceLock::new();

/// How much more than the first level is logged now.
static VERBOSITY: AtomicU32 = AtomicU32::new(0);

/// Counts changes, so that an old one's end does not end a newer one.
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// Starts logging at `level` (`error`, `warning`, `info`, `debug`; anything else is `info`). Called
/// once by each program; a second call changes nothing.
pub fn init(level: &str) {
    begin(level, BoxMakeWriter::new(std::io::stderr));
}

/// The same, and writes to the end of a file, too.
pub fn init_with_file(level: &str, file: &Path) -> io::Result<()> {
    let file = OpenOptions::new().create(true).append(true).open(file)?;
    begin(
        level,
        BoxMakeWriter::new(std::io::stderr.and(Arc::new(file))),
    );
    Ok(())
}

/// What [`set_verbosity`] was last told.
pub fn verbosity() -> u32 {
    VERBOSITY.load(Ordering::Relaxed)
}

/// Logs more for a time: 0 is the level of [`init`], 1 adds what helps to find errors, and more adds
/// everything. Must be called within a runtime, which waits for the end.
pub fn set_verbosity(verbosity: u32, time: Duration) {
    let change = CHANGES.fetch_add(1, Ordering::Relaxed) + 1;
    apply(verbosity);
    tracing::info!("logging at verbosity {verbosity} for {time:?}");
    tokio::spawn(async move {
        tokio::time::sleep(time).await;
        if CHANGES.load(Ordering::Relaxed) == change {
            apply(0);
        }
    });
}

/// Logs at this level from now on, whatever [`set_verbosity`] was told before. `false`, and no change, if
/// [`init`] did not start this process's log.
pub fn set_level(level: Level) -> bool {
    CHANGES.fetch_add(1, Ordering::Relaxed);
    VERBOSITY.store(0, Ordering::Relaxed);
    let running = RUNNING.get();
    if let Some((set, _)) = running {
        set(level);
    }
    running.is_some()
}

fn apply(verbosity: u32) {
    VERBOSITY.store(verbosity, Ordering::Relaxed);
    if let Some((set, first)) = RUNNING.get() {
        // A greater level says more.
        set(match verbosity {
            0 => *first,
            1 => Level::DEBUG.max(*first),
            _ => Level::TRACE,
        });
    }
}

fn begin(level: &str, writer: BoxMakeWriter) {
    let level = match level.to_ascii_lowercase().as_str() {
        "error" => Level::ERROR,
        "warning" | "warn" => Level::WARN,
        "debug" => Level::DEBUG,
        "trace" => Level::TRACE,
        _ => Level::INFO,
    };
    let (filter, handle) = reload::Layer::new(LevelFilter::from_level(level));
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Line)
        .with_writer(writer);
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    // Tests start several programs in one process: the first one's choice stays.
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        let set = move |level| {
            let _ = handle.reload(LevelFilter::from_level(level));
        };
        let _ = RUNNING.set((Box::new(set), level));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn until(verbosity_is: u32) {
        while verbosity() != verbosity_is {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn more_is_logged_for_a_time() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("log");
        init_with_file("info", &file).expect("opened");
        tracing::debug!("before");
        set_verbosity(1, Duration::from_secs(3600));
        tracing::debug!("meanwhile");
        tracing::trace!("too much");
        set_verbosity(2, Duration::from_millis(10));
        tracing::trace!("everything");
        until(0).await;
        tracing::debug!("after");
        let log = std::fs::read_to_string(&file).expect("a log");
        let is_there = |text: &str| log.lines().any(|line| line.ends_with(text));
        for text in ["meanwhile", "everything"] {
            assert!(is_there(text), "{text} in {log}");
        }
        for text in ["before", "too much", "after"] {
            assert!(!is_there(text), "{text} in {log}");
        }
    }
}
