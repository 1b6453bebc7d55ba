//! Reads TOML tables key by key, so that every complaint can name its line, its key, what was found and what is allowed.
//!
//! Not serde: its messages know neither the table's path nor the nearest right spelling.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::ProfileError;
use crate::spelling::{nearest, quoted};

/// A profile's text and its name in messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) file: &'a str,
    pub(super) text: &'a str,
}

impl Source<'_> {
    /// The error `problem` at a byte of the text.
    pub(super) fn error(&self, at: usize, problem: String) -> ProfileError {
        let before = self.text.get(..at).unwrap_or(self.text);
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        ProfileError {
            file: self.file.to_owned(),
            line: Some(line),
            problem,
            remedy: None,
        }
    }
}

/// One table being read: remembers which keys were asked for, so that [`Reader::finish`] can refuse the others.
pub(super) struct Reader<'a> {
    source: Source<'a>,
    /// The table's path as written, `[mesos-agent]` say; empty at the top.
    path: String,
    table: &'a DeTable<'a>,
    asked: Vec<&'static str>,
}

/// A value with its place.
pub(super) struct Entry<'a> {
    source: Source<'a>,
    /// The key's path, `mesos-agent.count` say.
    pub(super) key: String,
    pub(super) at: usize,
    pub(super) value: &'a DeValue<'a>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(source: Source<'a>, path: &str, table: &'a DeTable<'a>) -> Self {
        Self {
            source,
            path: path.to_owned(),
            table,
            asked: Vec::new(),
        }
    }

    /// The value of a key, if it is there.
    pub(super) fn entry(&mut self, key: &'static str) -> Option<Entry<'a>> {
        self.asked.push(key);
        let (found, value) = self
            .table
            .iter()
            .find(|(found, _)| found.get_ref() == key)?;
        Some(self.place(found.get_ref(), value))
    }

    /// Every key with its value, for tables whose keys the user chooses.
    pub(super) fn entries(&self) -> impl Iterator<Item = (String, Entry<'a>)> {
        self.table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), self.place(key.get_ref(), value)))
    }

    fn place(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Entry<'a> {
        let key = if self.path.is_empty() {
            key.to_owned()
        } else {
            format!("{}.{key}", self.path)
        };
        Entry {
            source: self.source,
            key,
            at: value.span().start,
            value: value.get_ref(),
        }
    }

    /// Refuses a key that nobody asked for.
    pub(super) fn finish(self) -> Result<(), ProfileError> {
        let Self {
            source,
            path,
            table,
            asked,
        } = self;
        let stranger = table
            .iter()
            .filter(|(key, _)| !asked.iter().any(|known| key.get_ref() == known))
            .min_by_key(|(key, _)| key.span().start);
        let Some((key, _)) = stranger else {
            return Ok(());
        };
        let found = key.get_ref();
        let place = if path.is_empty() {
            String::new()
        } else {
            format!(" in `{path}`")
        };
        let mut error = source.error(key.span().start, String::new());
        if let Some(why) = unsupported(found) {
            error.problem = format!("key `{found}`{place} is not supported by this version: {why}");
            error.remedy = Some(format!("remove `{found}`"));
            return Err(error);
        }
        let allowed = quoted(asked.iter().copied());
        error.problem = format!("unknown key `{found}`{place}; allowed are {allowed}");
        error.remedy =
            nearest(found, asked.iter().copied()).map(|meant| format!("did you mean `{meant}`?"));
        Err(error)
    }
}

/// What users of such clusters ask for and this version has not: said outright, not called a slip of the pen.
fn unsupported(key: &str) -> Option<&'static str> {
    match key {
        "docker" | "docker_tasks" | "docker-tasks" => {
            Some("tasks run in Docker containers where `[mesos-agent]` says `docker_tasks = true`")
        }
        "secure" | "tls" | "auth" | "authentication" | "credentials" => {
            Some("the cluster is open to whoever reaches its network")
        }
        _ => None,
    }
}

impl<'a> Entry<'a> {
    /// The error "`key` is FOUND; allowed is ALLOWED" at this place.
    pub(super) fn wrong(&self, allowed: &str) -> ProfileError {
        self.source.error(
            self.at,
            format!(
                "`{}` is {}; allowed is {allowed}",
                self.key,
                show(self.value)
            ),
        )
    }

    /// An error at this place, in the caller's words.
    pub(super) fn says(&self, problem: impl std::fmt::Display) -> ProfileError {
        self.source
            .error(self.at, format!("`{}`: {problem}", self.key))
    }

    pub(super) fn text(&self) -> Result<&'a str, ProfileError> {
        self.value.as_str().ok_or_else(|| self.wrong("a string"))
    }

    pub(super) fn switch(&self) -> Result<bool, ProfileError> {
        match self.value {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.wrong("`true` or `false`")),
        }
    }

    pub(super) fn whole(&self, from: u64, to: u64) -> Result<u64, ProfileError> {
        let number = self
            .value
            .as_integer()
            .and_then(|found| u64::from_str_radix(found.as_str(), found.radix()).ok());
        number
            .filter(|number| (from..=to).contains(number))
            .ok_or_else(|| self.wrong(&format!("a whole number from {from} to {to}")))
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, ProfileError> {
        let allowed = || quoted(words.iter().map(|(word, _)| *word));
        let Some(found) = self.value.as_str() else {
            return Err(self.wrong(&format!("one of {}", allowed())));
        };
        words
            .iter()
            .find(|(word, _)| *word == found)
            .map(|(_, meaning)| *meaning)
            .ok_or_else(|| {
                let mut error = self.wrong(&format!("one of {}", allowed()));
                error.remedy = nearest(found, words.iter().map(|(word, _)| *word))
                    .map(|meant| format!("did you mean `\"{meant}\"`?"));
                error
            })
    }

    pub(super) fn table(&self) -> Result<Reader<'a>, ProfileError> {
        let table = self.value.as_table().ok_or_else(|| self.wrong("a table"))?;
        Ok(Reader::new(self.source, &self.key, table))
    }

    pub(super) fn list(&self) -> Result<Vec<Entry<'a>>, ProfileError> {
        let items = self.value.as_array().ok_or_else(|| self.wrong("a list"))?;
        let place = |item: &'a Spanned<DeValue<'a>>| Entry {
            source: self.source,
            key: self.key.clone(),
            at: item.span().start,
            value: item.get_ref(),
        };
        Ok(items.iter().map(place).collect())
    }

    pub(super) fn texts(&self) -> Result<Vec<String>, ProfileError> {
        self.list()?
            .iter()
            .map(|item| item.text().map(str::to_owned))
            .collect()
    }
}

/// A value as a message quotes it: what it is, and how it was written where that is short.
fn show(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the string `\"{text}\"`"),
        DeValue::Integer(number) => format!("`{number}`"),
        DeValue::Float(number) => format!("`{number}`"),
        DeValue::Boolean(value) => format!("`{value}`"),
        DeValue::Datetime(time) => format!("the time `{time}`"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}
