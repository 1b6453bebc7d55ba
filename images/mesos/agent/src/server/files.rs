//! Files of sandboxes, by the virtual paths that clients know (http-endpoints.md, section 5).

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Component, Path, PathBuf};

use bytes::Bytes;
use hyper::{StatusCode, header};
use mesos_proto::mesos::FileInfo;
use mesos_wire::http::{Query, Request, Response};
use nix::fcntl::OFlag;
use serde_json::{Value, json};

use super::agent::Agent;
use crate::model::Executor;
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
    /// Something is wrong with the question.
    Bad(&'static str),
    /// The file system fails.
    Failed(String),
}

impl FileError {
    pub(crate) fn response(&self) -> Response {
        match self {
            Self::NotFound => Response::text(StatusCode::NOT_FOUND, ""),
            Self::Bad(text) => Response::text(StatusCode::BAD_REQUEST, *text),
            Self::Failed(text) => Response::text(StatusCode::INTERNAL_SERVER_ERROR, text.clone()),
        }
    }
}

/// Virtual paths, and the real ones that they stand for.
pub(crate) type Attached = BTreeMap<String, PathBuf>;

/// What is attached now: each sandbox under three names, and the log.
pub(crate) fn attached(agent: &Agent) -> Attached {
    let mut all = Attached::new();
    if let Some(file) = agent.flags.text("external_log_file") {
        all.insert("/slave/log".to_string(), PathBuf::from(file));
    }
    for sandbox in agent.nested.standalone_sandboxes() {
        all.insert(sandbox.to_string_lossy().into_owned(), sandbox);
    }
    agent.look(|model| {
        for framework in model.completed_frameworks().chain(model.frameworks()) {
            let alive = framework.executors.values();
            for executor in framework.completed.iter().chain(alive) {
                attach(&mut all, executor);
            }
        }
    });
    all
}

fn attach(all: &mut Attached, executor: &Executor) {
    let real = &executor.directory;
    all.insert(real.to_string_lossy().into_owned(), real.clone());
    if let Some(runs) = real.parent() {
        all.insert(
            runs.join("latest").to_string_lossy().into_owned(),
            real.clone(),
        );
    }
    let (framework, id) = (&executor.framework, executor.id());
    all.insert(
        format!("/frameworks/{framework}/executors/{id}/runs/latest"),
        real.clone(),
    );
}

/// The real path of a virtual one. Neither `..` nor a link leads out of what is attached.
fn resolve(attached: &Attached, work_dir: &Path, path: &str) -> Result<PathBuf, FileError> {
    let path = match path.trim_end_matches('/') {
        "" => return Err(FileError::NotFound),
        path => Path::new(path),
    };
    if path.components().any(|part| part == Component::ParentDir) {
        return Err(FileError::NotFound);
    }
    let found = path.ancestors().find_map(|ancestor| {
        let root = attached.get(ancestor.to_str()?)?;
        Some((
            root.clone(),
            path.strip_prefix(ancestor).ok()?.to_path_buf(),
        ))
    });
    // Sandboxes of executors that are forgotten are still there by their real path.
    let slaves = work_dir.join("slaves");
    let old = || {
        Some((
            slaves.clone(),
            path.strip_prefix(&slaves).ok()?.to_path_buf(),
        ))
    };
    let (root, rest) = found.or_else(old).ok_or(FileError::NotFound)?;
    let root = root.canonicalize().map_err(|_| FileError::NotFound)?;
    let real = root
        .join(rest)
        .canonicalize()
        .map_err(|_| FileError::NotFound)?;
    if real.starts_with(&root) {
        Ok(real)
    } else {
        Err(FileError::NotFound)
    }
}

/// The real path of what an agent shows as `path`.
pub(crate) fn find(agent: &Agent, path: &str) -> Result<PathBuf, FileError> {
    let work_dir = agent.look(|model| model.config().work_dir.clone());
    resolve(&attached(agent), &work_dir, path)
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
        return Err(FileError::Bad("Cannot read a directory."));
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
        return FileError::Bad("Expecting 'path=value' in query.\n").response();
    };
    let answer = match (find(agent, path), name) {
        (Ok(real), "browse") => browse(&real, path, query),
        (Ok(real), "read") => read_answer(&real, query),
        (Ok(real), _) => download(&real).await,
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
    let number = |name: &str| match query.get(name).filter(|text| !text.is_empty()) {
        None => Ok(-1),
        Some(text) => text.parse::<i64>().map_err(|_| text.to_string()),
    };
    let (offset, length) = match (number("offset"), number("length")) {
        (Ok(offset), Ok(length)) => (offset, length),
        (Err(text), _) => return Ok(bad_number("offset", &text)),
        (_, Err(text)) => return Ok(bad_number("length", &text)),
    };
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

fn bad_number(name: &str, text: &str) -> Response {
    let text = format!("Failed to parse {name}: Failed to convert '{text}' to number.\n");
    Response::text(StatusCode::BAD_REQUEST, text)
}

async fn download(real: &Path) -> Result<Response, FileError> {
    if real.is_dir() {
        return Err(FileError::Bad("Cannot download a directory."));
    }
    let mut file = open(real)?;
    let kind = match real.extension().and_then(|e| e.to_str()) {
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("json") => "application/json",
        Some("png") => "image/png",
        Some("txt") => "text/plain",
        _ => "application/octet-stream",
    };
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
    fn no_path_leads_out_of_what_is_attached() {
        let work = tempfile::tempdir().expect("a folder");
        let sandbox = work.path().join("slaves/S/run");
        fs::create_dir_all(&sandbox).expect("made");
        fs::write(work.path().join("secret"), "x").expect("written");
        fs::write(sandbox.join("stdout"), "hello").expect("written");
        symlink(work.path().join("secret"), sandbox.join("link")).expect("linked");
        let attached = Attached::from([("/v".to_string(), sandbox.clone())]);
        let find = |path: &str| resolve(&attached, work.path(), path);
        let real = sandbox.canonicalize().expect("there").join("stdout");
        assert_eq!(find("/v/stdout"), Ok(real.clone()));
        assert_eq!(
            find(sandbox.join("stdout").to_str().expect("UTF-8")),
            Ok(real)
        );
        for bad in [
            "",
            "/",
            "/etc/passwd",
            "/v/../../secret",
            "/v/link",
            "/v/none",
            "v",
            "/vv",
        ] {
            assert_eq!(find(bad), Err(FileError::NotFound), "case `{bad}`");
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
            Err(FileError::Bad("Cannot read a directory."))
        );
    }
}
