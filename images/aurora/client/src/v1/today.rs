//! Commands of 2014 that do what a verb of today does: the same words, said as today.

/// Each command, and the noun and verb that took its place.
const COMMANDS: [(&str, [&str; 2]); 10] = [
    ("cancel_update", ["update", "abort"]),
    ("diff", ["job", "diff"]),
    ("get_quota", ["quota", "get"]),
    ("inspect", ["job", "inspect"]),
    ("open", ["job", "open"]),
    ("restart", ["job", "restart"]),
    ("run", ["task", "run"]),
    ("ssh", ["task", "ssh"]),
    ("start_cron", ["cron", "start"]),
    ("update", ["update", "start"]),
];

/// Verbs of today's `update`, which is no job's key.
const UPDATE_VERBS: [&str; 8] = [
    "start", "pause", "resume", "abort", "rollback", "list", "info", "wait",
];

/// Options by their spelling of that time. Others have kept theirs, but for underscores.
const OPTIONS: [(&str, &str); 8] = [
    ("-E", "--bind"),
    ("-j", "--read-json"),
    ("--json", "--read-json"),
    ("-o", "--open-browser"),
    ("-e", "--executor-sandbox"),
    ("--user", "--ssh-user"),
    ("--max_per_shard_failures", "--max-per-instance-failures"),
    (
        "--updater_health_check_interval_seconds",
        "--healthcheck-interval-seconds",
    ),
];

/// Options that take the next word, where it is not joined to them.
const WITH_VALUE: [&str; 14] = [
    "--bind",
    "--ssh-user",
    "--max-per-instance-failures",
    "--healthcheck-interval-seconds",
    "--batch-size",
    "--max-total-failures",
    "--watch-secs",
    "--from",
    "--threads",
    "-t",
    "--tunnels",
    "-L",
    "--shards",
    "--cluster",
];

/// A command line of that time as one of today; nothing, if it is none of these.
pub(super) fn today(words: &[String]) -> Option<Vec<String>> {
    let (command, rest) = words.split_first()?;
    let (_, verb) = COMMANDS.iter().find(|(name, _)| name == command)?;
    let mut options = Vec::new();
    let mut plain = Vec::new();
    let (mut shards, mut cluster) = (None, None);
    let mut rest = rest.iter();
    while let Some(word) = rest.next() {
        // What follows the job is a command with options of its own.
        let ours = !matches!(command.as_str(), "run" | "ssh") || plain.is_empty();
        if !word.starts_with('-') || word.len() == 1 || !ours {
            plain.push(word.clone());
            continue;
        }
        let (name, joined) = match word.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (word.as_str(), None),
        };
        let name = OPTIONS
            .iter()
            .find(|(old, _)| *old == name)
            .map_or_else(|| renamed(name), |(_, new)| (*new).to_owned());
        let value = if joined.is_none() && WITH_VALUE.contains(&name.as_str()) {
            rest.next().cloned()
        } else {
            joined
        };
        match name.as_str() {
            "--shards" => shards = value,
            "--cluster" => cluster = value,
            _ => {
                options.push(name);
                options.extend(value);
            }
        }
    }
    if command == "update"
        && plain
            .first()
            .is_none_or(|verb| UPDATE_VERBS.contains(&verb.as_str()))
    {
        return None;
    }
    let mut plain = plain.into_iter();
    let mut key = plain.next();
    if let (Some(key), Some(cluster)) = (&mut key, &cluster)
        && command == "get_quota"
    {
        *key = format!("{cluster}/{key}");
    }
    if let (Some(key), Some(shards)) = (&mut key, &shards) {
        *key = format!("{key}/{shards}");
    }
    let mut said: Vec<String> = verb.map(str::to_owned).to_vec();
    said.extend(options);
    match command.as_str() {
        "run" => {
            said.extend(key);
            let line: Vec<String> = plain.collect();
            said.extend((!line.is_empty()).then(|| line.join(" ")));
        }
        "ssh" => {
            let shard = plain.next();
            let line: Vec<String> = plain.collect();
            said.extend((!line.is_empty()).then(|| format!("--command={}", line.join(" "))));
            said.extend(key.zip(shard).map(|(key, shard)| format!("{key}/{shard}")));
        }
        _ => {
            said.extend(key);
            said.extend(plain);
        }
    }
    Some(said)
}

/// With dashes in place of underscores.
fn renamed(name: &str) -> String {
    name.replace('_', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_2014_are_said_as_today() {
        for (old, new) in [
            (
                "restart --shards=0-2 --watch_secs 5 --max_per_shard_failures=1 c/r/e/n",
                "job restart --watch-secs 5 --max-per-instance-failures 1 c/r/e/n/0-2",
            ),
            (
                "diff c/r/e/n f --from c/r/e/m",
                "job diff --from c/r/e/m c/r/e/n f",
            ),
            (
                "inspect --raw -E a=b c/r/e/n f",
                "job inspect --raw --bind a=b c/r/e/n f",
            ),
            ("open c/r", "job open c/r"),
            ("start_cron c/r/e/n", "cron start c/r/e/n"),
            ("get_quota --cluster=c r", "quota get c/r"),
            ("cancel_update c/r/e/n", "update abort c/r/e/n"),
            ("update c/r/e/n f --shards 1", "update start c/r/e/n/1 f"),
            (
                "run -t 2 --user u c/r/e/n ls",
                "task run -t 2 --ssh-user u c/r/e/n ls",
            ),
            ("ssh -e c/r/e/n 3", "task ssh --executor-sandbox c/r/e/n/3"),
        ] {
            let words =
                |text: &str| -> Vec<String> { text.split(' ').map(str::to_owned).collect() };
            assert_eq!(today(&words(old)), Some(words(new)), "{old}");
        }
        let words = ["run", "c/r/e/n", "ls", "-a"].map(str::to_owned);
        assert_eq!(today(&words).unwrap(), ["task", "run", "c/r/e/n", "ls -a"]);
        for other in [
            &["update", "list", "c"][..],
            &["update"],
            &["job", "list"],
            &[],
        ] {
            let words: Vec<String> = other.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(today(&words), None, "{other:?}");
        }
    }
}
