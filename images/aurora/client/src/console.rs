//! Results on stdout, everything else on stderr, log lines with their level in front.

use std::io::Write as _;

/// The two streams. A reader that has gone away is no error.
#[derive(Clone, Copy, Debug, Default)]
pub struct Console {
    verbose: bool,
    quiet: bool,
}

impl Console {
    /// A console that shows INFO and above.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, showing DEBUG too if asked to.
    pub fn verbose(self, verbose: bool) -> Self {
        Self { verbose, ..self }
    }

    /// The same, showing errors only if asked to.
    pub fn quiet(self, quiet: bool) -> Self {
        Self { quiet, ..self }
    }

    /// Whether DEBUG is shown.
    pub fn is_verbose(self) -> bool {
        self.verbose
    }

    /// A result, with a line's end.
    pub fn out(&self, text: &str) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }

    /// A result as it is.
    pub fn raw(&self, text: &str) {
        let mut stdout = std::io::stdout();
        let _ = stdout.write_all(text.as_bytes());
        let _ = stdout.flush();
    }

    /// A message, with a line's end.
    pub fn err(&self, text: &str) {
        let _ = writeln!(std::io::stderr(), "{text}");
    }

    pub fn debug(&self, text: &str) {
        if self.verbose {
            self.err(&format!("DEBUG] {text}"));
        }
    }

    pub fn info(&self, text: &str) {
        if !self.quiet {
            self.err(&format!(" INFO] {text}"));
        }
    }

    pub fn warn(&self, text: &str) {
        if !self.quiet {
            self.err(&format!(" WARN] {text}"));
        }
    }

    pub fn error(&self, text: &str) {
        self.err(&format!("ERROR] {text}"));
    }

    pub fn fatal(&self, text: &str) {
        self.err(&format!("FATAL] {text}"));
    }
}
