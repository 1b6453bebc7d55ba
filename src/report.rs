//! The only place that draws: events as progress bars, plain lines or JSON on stderr; what was asked for on stdout.

mod bars;
mod json;
mod plain;
mod table;

use std::io::{IsTerminal, Write};

use serde::Serialize;

use crate::cluster::{ClusterStatus, Event, Events, Evidence, Removed};
use crate::profile::ClusterName;

pub use table::table_text;

/// How events are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Not at all.
    Quiet,
    /// A line each.
    Plain {
        /// Every line of a build and every answer of a node too.
        verbose: bool,
    },
    /// Bars that move.
    Bars,
    /// A JSON object each.
    Json,
}

impl Style {
    /// Bars on a terminal that can move its cursor, plain lines elsewhere.
    pub fn for_stderr(verbose: bool) -> Self {
        let dumb = std::env::var("TERM").is_ok_and(|term| term == "dumb");
        if std::io::stderr().is_terminal() && !dumb && !verbose {
            Self::Bars
        } else {
            Self::Plain { verbose }
        }
    }
}

/// Draws events.
pub struct Reporter(Drawing);

enum Drawing {
    None,
    Plain(plain::Plain),
    Bars(bars::Bars),
    Json,
}

impl Reporter {
    /// A reporter of that style.
    pub fn new(style: Style) -> Self {
        Self(match style {
            Style::Quiet => Drawing::None,
            Style::Plain { verbose } => Drawing::Plain(plain::Plain::new(verbose)),
            Style::Bars => Drawing::Bars(bars::Bars::new()),
            Style::Json => Drawing::Json,
        })
    }

    /// Leaves the screen to others.
    pub fn finish(&self) {
        if let Drawing::Bars(bars) = &self.0 {
            bars.finish();
        }
    }
}

impl Events for Reporter {
    fn emit(&self, event: Event) {
        match &self.0 {
            Drawing::None => {}
            Drawing::Plain(plain) => plain.line(&event).into_iter().for_each(|line| story(&line)),
            Drawing::Bars(bars) => bars.draw(&event),
            Drawing::Json => story(&json::line(&event)),
        }
    }
}

/// A line of the story: to stderr. A closed pipe is no reason to fail.
fn story(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{line}");
}

/// What was asked for: to stdout.
pub fn data(text: &str) {
    let mut stdout = std::io::stdout().lock();
    let _ = writeln!(stdout, "{text}");
    let _ = stdout.flush();
}

/// A document as JSON: to stdout.
pub fn json(document: &impl Serialize) {
    data(&serde_json::to_string_pretty(document).unwrap_or_default());
}

/// The nodes of a cluster: to stdout.
pub fn table(status: &ClusterStatus) {
    data(table_text(status).trim_end());
}

/// Why nodes are not ready, and what to do; `program` is how the hint calls devcluster.
pub fn troubles(status: &ClusterStatus, program: &str) {
    let lines = table::troubles(status);
    lines.iter().for_each(|line| story(line));
    if !lines.is_empty() {
        story(&format!(
            "hint: `{program} up` mends the cluster, `{program} logs NODE` shows what a node printed"
        ));
    }
}

/// What to do with a cluster that is up; `program` is how the text calls devcluster.
pub fn next_steps(program: &str) {
    story("");
    story(&format!(
        "`{program} ssh devtools` opens a shell with the `aurora` client; this folder is /vagrant there"
    ));
    story(&format!("`{program} down` removes the cluster"));
}

/// What `down` removed.
pub fn removed(cluster: &ClusterName, removed: Removed) {
    let count = |number: usize, thing: &str| {
        format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
    };
    if removed.is_nothing() {
        story(&format!("there is nothing of cluster `{cluster}`"));
    } else {
        let images = match removed.images {
            0 => String::new(),
            images => format!(", {}", count(images, "image")),
        };
        story(&format!(
            "removed cluster `{cluster}`: {}, {}, {}{images}",
            count(removed.containers, "container"),
            count(removed.networks, "network"),
            count(removed.volumes, "volume")
        ));
    }
}

/// A failure: what is wrong, what the node at fault said last, and what to do.
pub fn error(message: &str, evidence: &Evidence, hint: Option<&str>) {
    story(&format!("error: {message}"));
    let Evidence { last_answer, lines } = evidence;
    if let Some(answer) = last_answer {
        story(&format!("  last answer: {answer}"));
    }
    if !lines.is_empty() {
        story("  last lines:");
        lines.iter().for_each(|line| story(&format!("    {line}")));
    }
    if let Some(hint) = hint {
        story(&format!("hint: {hint}"));
    }
}
