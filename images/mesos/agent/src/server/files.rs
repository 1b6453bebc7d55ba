//! Files of sandboxes, by the virtual paths that clients know (http-endpoints.md, section 5).

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use bytes::Bytes;
use hyper::{StatusCode, header};
use mesos_proto::mesos::FileInfo;
use mesos_wire::http::{Query, Request, Response};
use nix::fcntl::OFlag;
use serde_json::{Value, json};

use super::agent::Agent;
use super::attached::{attached, find};
use crate::users::Names;

/// The most that one answer holds, in bytes: 16 pages.
pub(crate) const MAX_READ: usize = 16 * 4096;
/// A download is sent in pieces of this many bytes.
const PIECE: usize = 64 * 1024;
/// The most names that one listing holds.
const MAX_ENTRIES: usize = 100_000;

/// Why a path cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FileError {
    /// There is nothing, or nothing that may be seen.
    NotFound,
    /// It may not be seen.
    Forbidden,
    /// Something is wrong with the question.
    Bad(String),
    /// The file system fails.
    Failed(String),
}

impl FileError {
    pub(crate) fn response(&self) -> Response {
        match self {
            Self::NotFound | Self::Forbidden => {
                let status = match self {
                    Self::NotFound => StatusCode::NOT_FOUND,
                    _ => StatusCode::FORBIDDEN,
                };
                let mut response = Response::text(status, "");
                response.set(header::CONTENT_TYPE, "text/plain; charset=utf-8");
                response
            }
            Self::Bad(text) => Response::text(StatusCode::BAD_REQUEST, text.clone()),
            Self::Failed(text) => Response::text(StatusCode::INTERNAL_SERVER_ERROR, text.clone()),
        }
    }
}

/// What is in a folder, in the order of its paths; nothing for a file.
pub(crate) fn list(real: &Path, shown: &str) -> Result<Vec<FileInfo>, FileError> {
    if !real.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(real).map_err(|error| FileError::Failed(error.to_string()))?;
    let names = Names::read();
    let mut infos: Vec<FileInfo> = entries
        .flatten()
        .take(MAX_ENTRIES)
        .filter_map(|entry| {
            let metadata = entry.metadata().ok()?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Some(info(
                format!("{}/{name}", shown.trim_end_matches('/')),
                &metadata,
                &names,
            ))
        })
        .collect();
    infos.sort_by(|a, b| a.path().cmp(b.path()));
    Ok(infos)
}

fn info(path: String, metadata: &fs::Metadata, names: &Names) -> FileInfo {
    let mut info = FileInfo::new();
    info.set_path(path);
    info.set_nlink(i32::try_from(metadata.nlink()).unwrap_or(i32::MAX));
    info.set_size(metadata.len());
    let seconds = metadata.mtime();
    info.mtime
        .mut_or_insert_default()
        .set_nanoseconds(seconds.saturating_mul(1_000_000_000));
    info.set_mode(metadata.permissions().mode());
    info.set_uid(names.user(metadata.uid()));
    info.set_gid(names.group(metadata.gid()));
    info
}

/// `-rw-r--r--`, as `ls` shows a mode.
fn mode_text(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o020_000 => 'c',
        0o060_000 => 'b',
        0o010_000 => 'p',
        0o140_000 => 's',
        _ => '-',
    };
    let bits = (0..9).rev().zip("rwxrwxrwx".chars());
    let letters = bits.map(|(bit, letter)| if mode >> bit & 1 == 1 { letter } else { '-' });
    std::iter::once(kind).chain(letters).collect()
}

/// Opens a regular file by its real path. A task owns its sandbox: it may make pipes there, whose
/// opening waits for a writer, and may put links where folders were since the path was resolved.
fn open(real: &Path) -> Result<File, FileError> {
    let failed = |error: std::io::Error| FileError::Failed(error.to_string());
    let flags = OFlag::O_NONBLOCK | OFlag::O_NOFOLLOW;
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits())
        .open(real)
        .map_err(failed)?;
    let now = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_file() && now == real {
        Ok(file)
    } else {
        Err(FileError::NotFound)
    }
}

/// A part of a file: its size, and at most [`MAX_READ`] bytes from `offset`.
pub(crate) fn read(
    real: &Path,
    offset: u64,
    length: Option<u64>,
) -> Result<(u64, Vec<u8>), FileError> {
    if real.is_dir() {
        return Err(FileError::Bad("Cannot read a directory.\n".to_string()));
    }
    let failed = |error: std::io::Error| FileError::Failed(error.to_string());
    let mut file = open(real)?;
    let size = file.metadata().map_err(failed)?.len();
    let wanted = length.unwrap_or(u64::MAX).min(MAX_READ as u64);
    let mut data = Vec::new();
    if offset < size && wanted > 0 {
        file.seek(SeekFrom::Start(offset)).map_err(failed)?;
        file.take(wanted).read_to_end(&mut data).map_err(failed)?;
    }
    Ok((size, data))
}

/// Answers `/files/…`.
pub(crate) async fn answer(agent: &Agent, request: &Request) -> Response {
    let name = request.path.strip_suffix(".json").unwrap_or(&request.path);
    let query = &request.query;
    if name == "debug" {
        let all = attached(agent);
        let pairs = all
            .iter()
            .map(|(path, real)| (path.clone(), real.to_string_lossy().into()));
        return Response::json(query, &Value::Object(pairs.collect()));
    }
    if !matches!(name, "browse" | "read" | "download") {
        return Response::status(StatusCode::NOT_FOUND);
    }
    let Some(path) = query.get("path").filter(|path| !path.is_empty()) else {
        let text = "Expecting 'path=value' in query.\n".to_string();
        return FileError::Bad(text).response();
    };
    let answer = match (find(agent, path, &agent.rights(request)), name) {
        (Ok(real), "browse") => browse(&real, path, query),
        (Ok(real), "read") => read_answer(&real, query),
        (Ok(real), _) => download(&real).await,
        (Err(FileError::NotFound), "download") => Ok(Response::status(StatusCode::NOT_FOUND)),
        (Err(FileError::Forbidden), "download") => Ok(Response::status(StatusCode::FORBIDDEN)),
        (Err(error), _) => Err(error),
    };
    answer.unwrap_or_else(|error| error.response())
}

fn browse(real: &Path, shown: &str, query: &Query) -> Result<Response, FileError> {
    let entries = list(real, shown)?.into_iter().map(|info| {
        json!({
            "gid": info.gid(),
            "mode": mode_text(info.mode()),
            "mtime": info.mtime.nanoseconds() / 1_000_000_000,
            "nlink": info.nlink(),
            "path": info.path(),
            "size": info.size(),
            "uid": info.uid(),
        })
    });
    Ok(Response::json(query, &entries.collect()))
}

fn read_answer(real: &Path, query: &Query) -> Result<Response, FileError> {
    let (offset, length) = (number(query, "offset")?, number(query, "length")?);
    // An offset of -1 asks for the end, which is how a tail begins.
    let value = match u64::try_from(offset) {
        Ok(offset) => {
            let (_, data) = read(real, offset, u64::try_from(length).ok())?;
            json!({"data": String::from_utf8_lossy(&data), "offset": offset})
        }
        Err(_) => json!({"data": "", "offset": read(real, 0, Some(0))?.0}),
    };
    Ok(Response::json(query, &value))
}

/// A number of the query, decimal or hexadecimal; -1 if there is none.
fn number(query: &Query, name: &str) -> Result<i64, FileError> {
    let Some(text) = query.get(name) else {
        return Ok(-1);
    };
    let read = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    match read {
        Some(number) if number < -1 => Err(FileError::Bad(format!(
            "Negative {name} provided: {number}.\n"
        ))),
        Some(number) => Ok(number),
        None => Err(FileError::Bad(format!(
            "Failed to parse {name}: Failed to convert '{text}' to number.\n"
        ))),
    }
}

async fn download(real: &Path) -> Result<Response, FileError> {
    if real.is_dir() {
        return Err(FileError::Bad("Cannot download a directory.\n".to_string()));
    }
    let file = open(real)?;
    let kind = media_type(
        real.extension()
            .and_then(|e| e.to_str())
            .unwrap_or_default(),
    );
    let length = file
        .metadata()
        .map_err(|e| FileError::Failed(e.to_string()))?
        .len();
    let (sender, mut response) = Response::stream(kind, 4);
    let name = real
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    response.set(
        header::CONTENT_DISPOSITION,
        &format!("attachment; filename={name}"),
    );
    response.set(header::CONTENT_LENGTH, &length.to_string());
    // A file may grow while it is sent.
    let mut file = file.take(length);
    tokio::spawn(async move {
        loop {
            let mut piece = vec![0; PIECE];
            let length = match file.read(&mut piece) {
                Ok(0) | Err(_) => return,
                Ok(length) => length,
            };
            piece.truncate(length);
            if sender.send(Bytes::from(piece)).await.is_err() {
                return;
            }
        }
    });
    Ok(response)
}

/// What libprocess serves a file of this ending as.
fn media_type(ending: &str) -> &'static str {
    match ending {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" => "application/x-javascript",
        "txt" | "c" | "h" => "text/plain",
        "xml" => "text/xml",
        "py" => "text/x-python",
        "tsv" => "text/tab-separated-values",
        "sh" => "application/x-sh",
        "pdf" => "application/pdf",
        "tar" => "application/x-tar",
        "zip" => "application/zip",
        "png" => "image/png",
        "gif" => "image/gif",
        "jpg" | "jpeg" => "image/jpeg",
        "tiff" => "image/tiff",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn modes_look_as_ls_shows_them() {
        for (mode, want) in [
            (0o100_644, "-rw-r--r--"),
            (0o040_755, "drwxr-xr-x"),
            (0o120_777, "lrwxrwxrwx"),
        ] {
            assert_eq!(mode_text(mode), want);
        }
    }

    #[test]
    fn what_is_no_regular_file_is_never_waited_for() {
        let dir = tempfile::tempdir().expect("a folder");
        let dir = dir.path().canonicalize().expect("there");
        let pipe = dir.join("pipe");
        nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("made");
        assert_eq!(read(&pipe, 0, Some(1)), Err(FileError::NotFound));
        assert_eq!(
            open(Path::new("/dev/zero")).err(),
            Some(FileError::NotFound)
        );
        // A folder that has become a link since its path was resolved.
        fs::create_dir(dir.join("real")).expect("made");
        fs::write(dir.join("real/f"), "secret").expect("written");
        symlink(dir.join("real"), dir.join("folder")).expect("linked");
        assert_eq!(
            read(&dir.join("folder/f"), 0, None),
            Err(FileError::NotFound)
        );
    }

    #[test]
    fn a_file_is_read_from_an_offset_in_bounded_parts() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().canonicalize().expect("there").join("f");
        fs::write(&path, vec![b'a'; MAX_READ + 10]).expect("written");
        let size = (MAX_READ + 10) as u64;
        for (offset, length, want) in [
            (0, None, MAX_READ),
            (size - 4, None, 4),
            (0, Some(3), 3),
            (size, None, 0),
            (size + 5, Some(1), 0),
        ] {
            let (total, data) = read(&path, offset, length).expect("read");
            assert_eq!(
                (total, data.len()),
                (size, want),
                "case {offset} {length:?}"
            );
        }
        assert_eq!(
            read(dir.path(), 0, None),
            Err(FileError::Bad("Cannot read a directory.\n".to_string()))
        );
    }
}
