//! Records in a file: each one a 32-bit big-endian length and that many bytes.
//!
//! A writer may die in the middle of a record. Readers stop before such a tail and may come back
//! for it; the next writer cuts it off, since nothing could be read behind it.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use thiserror::Error;

use super::codec::{self, CodecError};
use super::record::Record;
use super::regular;

/// The longest record that either side writes or reads, in bytes.
pub const MAX_RECORD: usize = 64 * 1024 * 1024;

/// How much of a file is read at once, in bytes.
const CHUNK: u64 = 1024 * 1024;

/// How often, and how long apart, a lock is tried for.
const TRIES: u32 = 5;
const TRY: Duration = Duration::from_millis(5);

/// Why a stream cannot be read or written.
#[derive(Debug, Error)]
pub enum StreamError {
    /// The file cannot be opened, read or written.
    #[error("cannot use the checkpoint `{path}`")]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Someone else writes this file.
    #[error("the checkpoint `{0}` is locked by another process")]
    Locked(PathBuf),
    /// A length that no record has.
    #[error("a record of {0} bytes is longer than the {MAX_RECORD} allowed")]
    TooLong(usize),
    /// A whole record that is none.
    #[error("the checkpoint stream is corrupt")]
    Corrupt(#[from] CodecError),
}

/// The bytes of a stream's first record, and of all that follows.
pub type Split<'a> = (&'a [u8], &'a [u8]);

/// Takes the first record's bytes off `bytes`; `None` where it is not whole yet.
pub fn split(bytes: &[u8]) -> Result<Option<Split<'_>>, StreamError> {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return Ok(None);
    };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    if length > MAX_RECORD {
        return Err(StreamError::TooLong(length));
    }
    Ok(rest.split_at_checked(length))
}

/// All whole records of a file.
pub fn read_all(path: &Path) -> Result<Vec<Record>, StreamError> {
    Tail::new(path).read()
}

/// Reads a file as it grows.
#[derive(Debug)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
}

impl Tail {
    /// A reader that starts at the file's begin. The file need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            offset: 0,
        }
    }

    /// How many bytes have been read as whole records.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The records that became whole since the last call; none where the file does not exist.
    pub fn read(&mut self) -> Result<Vec<Record>, StreamError> {
        let failed = |source| StreamError::Io {
            path: self.path.clone(),
            source,
        };
        let mut file = match regular::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed(error)),
        };
        if file.metadata().map_err(failed)?.len() <= self.offset {
            return Ok(Vec::new());
        }
        file.seek(SeekFrom::Start(self.offset)).map_err(failed)?;
        let mut records = Vec::new();
        let mut pending = Vec::new();
        loop {
            let got = (&mut file)
                .take(CHUNK)
                .read_to_end(&mut pending)
                .map_err(failed)?;
            let mut rest = pending.as_slice();
            while let Some((record, after)) = split(rest)? {
                records.push(codec::decode(record)?);
                self.offset += u64::try_from(4 + record.len()).unwrap_or_default();
                rest = after;
            }
            if got == 0 {
                return Ok(records);
            }
            let used = pending.len() - rest.len();
            pending.drain(..used);
        }
    }
}

/// Whether somebody writes this file. Where that cannot be found out, somebody does.
///
/// It looks by locking, for a moment: ask only about files that nobody begins to write just now.
pub fn is_held(path: &Path) -> bool {
    match regular::open(path) {
        Ok(file) => Flock::lock(file, FlockArg::LockSharedNonblock).is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Appends to a file, alone: it holds the file's lock.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    file: Flock<File>,
}

impl Writer {
    /// Opens a stream for appending, makes it where it does not exist, and cuts off what a writer
    /// that died left of its last record.
    pub fn open(path: &Path) -> Result<Self, StreamError> {
        let failed = |source| StreamError::Io {
            path: path.to_path_buf(),
            source,
        };
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o644)
            .open(path)
            .map_err(failed)?;
        let mut unlocked = Some(file);
        let mut tries = 0;
        let file = loop {
            let Some(file) = unlocked.take() else {
                return Err(StreamError::Locked(path.to_path_buf()));
            };
            tries += 1;
            match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                Ok(file) => break file,
                // Who only looks whether it is locked holds it for a moment.
                Err((file, Errno::EWOULDBLOCK)) if tries < TRIES => {
                    std::thread::sleep(TRY);
                    unlocked = Some(file);
                }
                Err((_, Errno::EWOULDBLOCK)) => {}
                Err((_, errno)) => return Err(failed(errno.into())),
            }
        };
        let mut whole = Tail::new(path);
        whole.read()?;
        if file.metadata().map_err(failed)?.len() > whole.offset() {
            file.set_len(whole.offset()).map_err(failed)?;
        }
        Ok(Self {
            path: path.to_path_buf(),
            file,
        })
    }

    /// Appends a record. It is one write, so that readers and the kernel see all of it or nothing
    /// but a tail. It is not forced to the disk: a task does not outlive the machine's own crash,
    /// and the kernel keeps what a killed process wrote.
    pub fn append(&mut self, record: &Record) -> Result<(), StreamError> {
        let body = codec::encode(record)?;
        let length = u32::try_from(body.len())
            .ok()
            .filter(|_| body.len() <= MAX_RECORD)
            .ok_or(StreamError::TooLong(body.len()))?;
        let mut framed = Vec::with_capacity(4 + body.len());
        framed.extend_from_slice(&length.to_be_bytes());
        framed.extend_from_slice(&body);
        self.file
            .write_all(&framed)
            .map_err(|source| StreamError::Io {
                path: self.path.clone(),
                source,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::{ProcessState, ProcessStatus};

    fn record(seq: i64) -> Record {
        Record::Process(ProcessStatus::new("p", seq, ProcessState::Waiting))
    }

    #[test]
    fn a_torn_tail_is_left_for_later_and_cut_off_by_the_next_writer() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runner");
        let mut writer = Writer::open(&path).unwrap();
        writer.append(&record(0)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        drop(writer);
        for cut in 1..whole.len() {
            let mut torn = whole.clone();
            torn.extend_from_slice(&whole[..cut]);
            std::fs::write(&path, &torn).unwrap();
            let mut tail = Tail::new(&path);
            assert_eq!(tail.read().unwrap(), [record(0)], "cut at {cut}");
            std::fs::write(&path, [whole.clone(), whole.clone()].concat()).unwrap();
            assert_eq!(tail.read().unwrap(), [record(0)], "completed after {cut}");
            std::fs::write(&path, &torn).unwrap();
            let mut writer = Writer::open(&path).unwrap();
            writer.append(&record(1)).unwrap();
            assert_eq!(
                read_all(&path).unwrap(),
                [record(0), record(1)],
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn only_one_writer_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("runner");
        let first = Writer::open(&path).unwrap();
        assert!(matches!(Writer::open(&path), Err(StreamError::Locked(_))));
        assert!(is_held(&path));
        drop(first);
        assert!(!is_held(&path) && !is_held(&dir.path().join("none")));
        assert!(Writer::open(&path).is_ok());
    }

    #[test]
    fn nonsense_is_refused() {
        let cases: [(&str, &[u8]); 4] = [
            ("too long", &[0xff, 0xff, 0xff, 0xff, 0]),
            ("empty", &[0, 0, 0, 0]),
            ("no union member", &[0, 0, 0, 1, 0]),
            ("unknown type", &[0, 0, 0, 5, 0x7f, 0, 1, 0, 0]),
        ];
        for (name, bytes) in cases {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("runner");
            std::fs::write(&path, bytes).unwrap();
            assert!(read_all(&path).is_err(), "case `{name}`");
        }
    }
}
