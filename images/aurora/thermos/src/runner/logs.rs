//! Where a process's output goes: straight into a file, or through the coordinator, which copies
//! it, rotates it or throws it away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use std::time::Duration;

use super::launch::LogPlan;

/// How long output that is still on its way may take after the process has ended.
const DRAIN: Duration = Duration::from_secs(1);

/// The two outputs of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Stdout,
    Stderr,
}

impl Output {
    fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// `/dev/null`, opened now: the process's own root may not have it.
pub(super) fn nothing() -> io::Result<Stdio> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/null")?;
    Ok(file.into())
}

/// What the process gets for one of its outputs; piped where the coordinator has to do something.
pub(super) fn stdio(plan: &LogPlan, output: Output) -> io::Result<Stdio> {
    fs::create_dir_all(&plan.folder)?;
    let path = plan.folder.join(output.name());
    Ok(match (plan.to_file, plan.to_console, plan.rotate) {
        (true, false, None) => OpenOptions::new()
            .append(true)
            .create(true)
            .open(path)?
            .into(),
        (false, true, _) => Stdio::inherit(),
        (false, false, _) => nothing()?,
        _ => Stdio::piped(),
    })
}

/// Copies outputs until they end.
pub(super) struct Pumps {
    done: mpsc::Receiver<()>,
    count: usize,
    sender: mpsc::Sender<()>,
}

impl Pumps {
    pub(super) fn new() -> Self {
        let (sender, done) = mpsc::channel();
        Self {
            done,
            count: 0,
            sender,
        }
    }

    /// Copies one output in a thread of its own.
    pub(super) fn add(
        &mut self,
        plan: &LogPlan,
        output: Output,
        mut from: impl Read + Send + 'static,
    ) -> io::Result<()> {
        let mut file = match plan.to_file {
            true => Some(LogFile::open(plan.folder.join(output.name()), plan.rotate)?),
            false => None,
        };
        let to_console = plan.to_console;
        let sender = self.sender.clone();
        std::thread::Builder::new()
            .stack_size(64 * 1024)
            .spawn(move || {
                let mut buffer = [0; 8192];
                while let Ok(got) = from.read(&mut buffer) {
                    let Some(text) = buffer.get(..got).filter(|text| !text.is_empty()) else {
                        break;
                    };
                    // A full disk loses output, never the process.
                    if let Some(file) = &mut file {
                        let _ = file.write(text);
                    }
                    if to_console {
                        let _ = match output {
                            Output::Stdout => io::stdout().write_all(text),
                            Output::Stderr => io::stderr().write_all(text),
                        };
                    }
                }
                let _ = sender.send(());
            })?;
        self.count += 1;
        Ok(())
    }

    /// Waits until everything is copied, but not for children that keep the output open.
    pub(super) fn drain(self) {
        for _ in 0..self.count {
            if self.done.recv_timeout(DRAIN).is_err() {
                return;
            }
        }
    }
}

/// A log file that is moved away when it has grown.
struct LogFile {
    path: PathBuf,
    file: File,
    size: u64,
    rotate: Option<(u64, u32)>,
}

impl LogFile {
    /// Rotated files start anew, others are appended to, as the original does.
    fn open(path: PathBuf, rotate: Option<(u64, u32)>) -> io::Result<Self> {
        let file = match rotate {
            Some(_) => File::create(&path)?,
            None => OpenOptions::new().append(true).create(true).open(&path)?,
        };
        Ok(Self {
            path,
            file,
            size: 0,
            rotate,
        })
    }

    fn write(&mut self, text: &[u8]) -> io::Result<()> {
        if let Some((limit, backups)) = self.rotate
            && self.size >= limit
        {
            self.move_away(backups)?;
        }
        self.file.write_all(text)?;
        self.size = self
            .size
            .saturating_add(u64::try_from(text.len()).unwrap_or_default());
        Ok(())
    }

    fn move_away(&mut self, backups: u32) -> io::Result<()> {
        for number in (1..backups).rev() {
            let (from, to) = (
                numbered(&self.path, number),
                numbered(&self.path, number + 1),
            );
            if from.exists() {
                fs::rename(from, to)?;
            }
        }
        if backups > 0 {
            fs::rename(&self.path, numbered(&self.path, 1))?;
        }
        self.file = File::create(&self.path)?;
        self.size = 0;
        Ok(())
    }
}

fn numbered(path: &Path, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_os_string();
    name.push(format!(".{number}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grown_files_are_moved_away_and_the_oldest_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stdout");
        let mut file = LogFile::open(path.clone(), Some((4, 2))).unwrap();
        for text in ["one1", "two2", "thr3", "fou4"] {
            file.write(text.as_bytes()).unwrap();
        }
        let read = |name: &str| fs::read_to_string(dir.path().join(name)).unwrap_or_default();
        assert_eq!(
            (
                read("stdout"),
                read("stdout.1"),
                read("stdout.2"),
                read("stdout.3")
            ),
            ("fou4".into(), "thr3".into(), "two2".into(), String::new())
        );
    }

    #[test]
    fn what_the_coordinator_copies_arrives_whole() {
        let dir = tempfile::tempdir().unwrap();
        let plan = LogPlan {
            folder: dir.path().to_path_buf(),
            to_file: true,
            to_console: false,
            rotate: Some((1000, 1)),
        };
        let mut pumps = Pumps::new();
        pumps
            .add(&plan, Output::Stdout, io::Cursor::new(b"hello".to_vec()))
            .unwrap();
        pumps.drain();
        assert_eq!(
            fs::read_to_string(dir.path().join("stdout")).unwrap(),
            "hello"
        );
    }
}
