//! What the process' threads do: `/threads`, and of those that wait for each other `/contention`.

use std::fmt::Write as _;
use std::path::Path;

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// A thread as the kernel knows it.
struct Thread {
    id: u64,
    name: String,
    state: char,
    /// Where in the kernel it waits; `0` is nowhere.
    waits_in: String,
    /// Time on a CPU, in clock ticks.
    ticks: u64,
}

impl Thread {
    /// Uninterruptible sleep, or a wait for a lock that another thread holds.
    fn is_blocked(&self) -> bool {
        self.state == 'D'
    }
}

fn state_name(state: char) -> &'static str {
    match state {
        'R' => "RUNNABLE",
        'D' => "BLOCKED",
        'T' | 't' => "STOPPED",
        'Z' | 'X' => "TERMINATED",
        _ => "WAITING",
    }
}

fn read(folder: &Path) -> Option<Thread> {
    let id = folder.file_name()?.to_str()?.parse().ok()?;
    let text = |file: &str| std::fs::read_to_string(folder.join(file)).ok();
    // `ID (NAME) STATE …`, where the name may hold anything.
    let stat = text("stat")?;
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let number = |nth: usize| fields.get(nth).and_then(|text| text.parse::<u64>().ok());
    Some(Thread {
        id,
        name: text("comm")?.trim_end().to_string(),
        state: fields.first()?.chars().next()?,
        waits_in: text("wchan").unwrap_or_default(),
        ticks: number(11)?.saturating_add(number(12)?),
    })
}

/// The threads of this process, by number.
fn all() -> Vec<Thread> {
    let folders = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let mut threads: Vec<Thread> = folders
        .filter_map(|entry| read(&entry.ok()?.path()))
        .collect();
    threads.sort_by_key(|thread| thread.id);
    threads
}

fn describe(threads: &[Thread]) -> String {
    let mut text = String::new();
    for thread in threads {
        let Thread {
            id, name, ticks, ..
        } = thread;
        let state = state_name(thread.state);
        let _ = writeln!(
            text,
            "Name: {name}\nState: {state}\nID: {id}\nCPU ticks: {ticks}"
        );
        if !matches!(thread.waits_in.as_str(), "" | "0") {
            let _ = writeln!(text, "Waits in: {}", thread.waits_in);
        }
        text.push('\n');
    }
    text
}

fn plain(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain")], text).into_response()
}

/// `/threads`
pub(super) async fn threads() -> Response {
    plain(describe(&all()))
}

/// `/contention`
pub(super) async fn contention() -> Response {
    let mut blocked = all();
    blocked.retain(Thread::is_blocked);
    plain(match blocked.is_empty() {
        true => "No blocked threads.\n".to_string(),
        false => format!("Blocked threads:\n\n{}", describe(&blocked)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_thread_is_among_the_threads() {
        let gettid = std::fs::read_link("/proc/thread-self").unwrap();
        let own = gettid.file_name().unwrap().to_str().unwrap().to_string();
        let threads = all();
        let found = threads.iter().find(|thread| thread.id.to_string() == own);
        assert_eq!(
            found.map(|thread| state_name(thread.state)),
            Some("RUNNABLE")
        );
        let text = describe(&threads);
        assert!(text.contains(&format!("ID: {own}\n")), "{text}");
    }
}
