//! Usage and help texts, wrapped as argparse wraps them.

use super::{Arity, Kind, Opt, Parser, Positional};

const PREFIX: &str = "usage: ";
const MAX_HELP_POSITION: usize = 24;
const MIN_TEXT_WIDTH: usize = 11;

impl Opt {
    /// With its value, in usage and help.
    fn spelled(&self, flag: &str) -> String {
        match self.kind {
            Kind::Flag | Kind::Help | Kind::Version(_) => flag.to_owned(),
            Kind::Value(_) => format!("{flag} {}", self.metavar),
            Kind::Choice(choices) => format!("{flag} {{{}}}", choices.join(",")),
        }
    }
}

impl Positional {
    fn usage(&self) -> String {
        match self.arity {
            Arity::One => self.metavar.to_owned(),
            Arity::Optional => format!("[{}]", self.metavar),
            Arity::Some => format!("{0} [{0} ...]", self.metavar),
        }
    }
}

fn choices(parser: &Parser) -> Option<String> {
    let names: Vec<&str> = parser
        .children
        .as_ref()?
        .parsers
        .iter()
        .map(|child| child.name)
        .collect();
    Some(format!("{{{}}}", names.join(",")))
}

/// `usage: …`, on as many lines as it needs, without a line's end.
pub fn usage(parser: &Parser, width: usize) -> String {
    let options: Vec<String> = parser
        .options
        .iter()
        .filter_map(|option| Some(format!("[{}]", option.spelled(option.flags.first()?))))
        .collect();
    let mut words: Vec<String> = parser.positionals.iter().map(Positional::usage).collect();
    if let Some(choices) = choices(parser) {
        words.extend([choices, "...".to_owned()]);
    }
    let mut line = vec![parser.prog.clone()];
    line.extend(options.iter().chain(&words).cloned());
    let line = line.join(" ");
    let text_width = width.max(MIN_TEXT_WIDTH);
    if PREFIX.len() + line.len() <= text_width {
        return format!("{PREFIX}{line}");
    }
    let with_prog = |parts: &[String]| {
        let mut all = vec![parser.prog.clone()];
        all.extend(parts.iter().cloned());
        all
    };
    // argparse keeps the arguments beside a short program name, and puts them below a long one.
    let lines = if 4 * (PREFIX.len() + parser.prog.len()) <= 3 * text_width {
        let indent = PREFIX.len() + parser.prog.len() + 1;
        if options.is_empty() {
            fill(&with_prog(&words), indent, text_width, true)
        } else {
            let mut lines = fill(&with_prog(&options), indent, text_width, true);
            lines.extend(fill(&words, indent, text_width, false));
            lines
        }
    } else {
        let mut parts = options.clone();
        parts.extend(words.iter().cloned());
        let mut below = fill(&parts, PREFIX.len(), text_width, false);
        if below.len() > 1 {
            below = fill(&options, PREFIX.len(), text_width, false);
            below.extend(fill(&words, PREFIX.len(), text_width, false));
        }
        let mut lines = vec![parser.prog.clone()];
        lines.extend(below);
        lines
    };
    format!("{PREFIX}{}", lines.join("\n"))
}

/// Lines of parts no longer than the width. The first line stands behind the prefix if `leading`.
fn fill(parts: &[String], indent: usize, width: usize, leading: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line: Vec<&str> = Vec::new();
    let mut length = if leading {
        PREFIX.len() - 1
    } else {
        indent - 1
    };
    for part in parts {
        if length + 1 + part.len() > width && !line.is_empty() {
            lines.push(line.join(" "));
            line.clear();
            length = indent - 1;
        }
        line.push(part);
        length += part.len() + 1;
    }
    if !line.is_empty() {
        lines.push(line.join(" "));
    }
    let pad = " ".repeat(indent);
    lines
        .into_iter()
        .enumerate()
        .map(|(index, line)| {
            if leading && index == 0 {
                line
            } else {
                format!("{pad}{line}")
            }
        })
        .collect()
}

/// How far a line is indented, what it is about, and its help.
type Row<'h> = (usize, String, &'h str);

/// The whole help, without the last line's end.
pub fn help(parser: &Parser, width: usize) -> String {
    let mut sections: Vec<(&str, Vec<Row>)> = Vec::new();
    let positionals = parser
        .positionals
        .iter()
        .map(|positional| (2, positional.metavar.to_owned(), positional.help))
        .collect();
    sections.push(("positional arguments", positionals));
    let options = parser
        .options
        .iter()
        .map(|option| {
            let spelled: Vec<String> = option
                .flags
                .iter()
                .map(|flag| option.spelled(flag))
                .collect();
            (2, spelled.join(", "), option.help)
        })
        .collect();
    sections.push(("options", options));
    if let (Some(children), Some(choices)) = (&parser.children, choices(parser)) {
        let mut rows = vec![(2, choices, "")];
        rows.extend(
            children
                .parsers
                .iter()
                .map(|child| (4, child.name.to_owned(), child.help)),
        );
        sections.push((children.title, rows));
    }
    let longest = sections
        .iter()
        .flat_map(|(_, rows)| rows)
        .map(|(indent, invocation, _)| indent + invocation.len())
        .max()
        .unwrap_or_default();
    let position = (longest + 2).min(MAX_HELP_POSITION);
    let mut text = usage(parser, width);
    for (title, rows) in sections.iter().filter(|(_, rows)| !rows.is_empty()) {
        text.push_str(&format!("\n\n{title}:"));
        for (indent, invocation, help) in rows {
            text.push('\n');
            text.push_str(&row(*indent, invocation, help, position, width));
        }
    }
    text
}

/// One option or positional, with its help beside or below it.
pub(crate) fn row(
    indent: usize,
    invocation: &str,
    help: &str,
    position: usize,
    width: usize,
) -> String {
    let mut text = format!("{}{invocation}", " ".repeat(indent));
    let lines = wrap(help, width.saturating_sub(position).max(MIN_TEXT_WIDTH));
    let mut lines = lines.iter();
    if indent + invocation.len() + 2 <= position
        && let Some(first) = lines.next()
    {
        text.push_str(&" ".repeat(position - text.len()));
        text.push_str(first);
    }
    for line in lines {
        text.push('\n');
        text.push_str(&" ".repeat(position));
        text.push_str(line);
    }
    text
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
