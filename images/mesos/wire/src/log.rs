//! The log of a tier: one line an event on standard error, in the order level, time, text.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, time::SystemTime};
use tracing_subscriber::registry::LookupSpan;

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

/// Starts logging at `level` (`error`, `warning`, `info`, `debug`; anything else is `info`). Called
/// once by each program; a second call changes nothing.
pub fn init(level: &str) {
    let level = match level.to_ascii_lowercase().as_str() {
        "error" => Level::ERROR,
        "warning" | "warn" => Level::WARN,
        "debug" => Level::DEBUG,
        "trace" => Level::TRACE,
        _ => Level::INFO,
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_writer(std::io::stderr)
        .event_format(Line)
        .finish();
    // Tests start several programs in one process: the first one's choice stays.
    let _ = tracing::subscriber::set_global_default(subscriber);
}
