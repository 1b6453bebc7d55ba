//! `/files/*`, LIST_FILES and READ_FILE (http-endpoints §5, v1-api §9). The master has one file to show:
//! its log, as `/master/log`, where `--log_dir` or `--external_log_file` name one.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use hyper::{StatusCode, header};
use mesos_wire::authorization::{Action, Rights};
use mesos_wire::flags::Flags;
use mesos_wire::http::{Request, Response};
use serde_json::json;

/// Under which name the log is shown.
const LOG: &str = "/master/log";

/// The most that one answer holds, in bytes: 16 pages.
const MAX_READ: u64 = 16 * 4096;

/// The most that a download holds: a log is rotated long before.
const MAX_DOWNLOAD: u64 = 256 << 20;

/// Where the log is, if anywhere.
pub(crate) fn log_file(flags: &Flags) -> Option<PathBuf> {
    match (flags.text("external_log_file"), own_log(flags)) {
        (Some(file), _) => Some(PathBuf::from(file)),
        (None, own) => own,
    }
}

/// The file that this program itself writes.
pub(crate) fn own_log(flags: &Flags) -> Option<PathBuf> {
    let folder = flags.text("log_dir")?;
    Some(Path::new(folder).join("mesos-master.INFO"))
}

/// The file that a path stands for, for those who may read it.
fn resolve(flags: &Flags, path: &str, rights: &Rights) -> Result<PathBuf, StatusCode> {
    let file = log_file(flags).filter(|_| path.trim_end_matches('/') == LOG);
    let file = file.ok_or(StatusCode::NOT_FOUND)?;
    match rights.allow_any(Action::AccessMesosLog) {
        true => Ok(file),
        false => Err(StatusCode::FORBIDDEN),
    }
}

/// A refusal without words.
fn mute(status: StatusCode) -> Response {
    Response::text(status, "")
}

fn failed(error: &std::io::Error) -> Response {
    match error.kind() {
        std::io::ErrorKind::NotFound => mute(StatusCode::NOT_FOUND),
        _ => Response::text(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

/// A file's size, and a part of it.
pub(super) struct Part {
    pub(super) size: u64,
    pub(super) data: Vec<u8>,
}

fn part(file: &Path, offset: u64, most: u64) -> std::io::Result<Part> {
    let mut file = File::open(file)?;
    let size = file.metadata()?.len();
    let mut data = Vec::new();
    if offset < size {
        file.seek(SeekFrom::Start(offset))?;
        file.take(most).read_to_end(&mut data)?;
    }
    Ok(Part { size, data })
}

/// LIST_FILES: a file has no entries.
pub(super) fn list(flags: &Flags, path: &str, rights: &Rights) -> Result<(), Response> {
    let file = resolve(flags, path, rights).map_err(mute)?;
    std::fs::metadata(file)
        .map(|_| ())
        .map_err(|error| failed(&error))
}

/// READ_FILE.
pub(super) fn read(
    flags: &Flags,
    path: &str,
    offset: u64,
    length: Option<u64>,
    rights: &Rights,
) -> Result<Part, Response> {
    let file = resolve(flags, path, rights).map_err(mute)?;
    let most = length.unwrap_or(MAX_READ).min(MAX_READ);
    part(&file, offset, most).map_err(|error| failed(&error))
}

/// `/files/KIND`.
pub(super) fn answer(flags: &Flags, kind: &str, request: &Request, rights: &Rights) -> Response {
    let query = &request.query;
    if kind == "debug" {
        let file = log_file(flags);
        let shown = file.map(|file| (LOG.to_string(), file.to_string_lossy().into()));
        return Response::json(
            query,
            &serde_json::Value::Object(shown.into_iter().collect()),
        );
    }
    if !matches!(kind, "browse" | "read" | "download") {
        return Response::status(StatusCode::NOT_FOUND);
    }
    let Some(path) = query.get("path").filter(|path| !path.is_empty()) else {
        return Response::text(
            StatusCode::BAD_REQUEST,
            "Expecting 'path=value' in query.\n",
        );
    };
    let answered = match kind {
        "browse" => list(flags, path, rights).map(|()| Response::json(query, &json!([]))),
        "read" => read_answer(flags, path, request, rights),
        _ => download(flags, path, rights),
    };
    answered.unwrap_or_else(|refusal| refusal)
}

fn read_answer(
    flags: &Flags,
    path: &str,
    request: &Request,
    rights: &Rights,
) -> Result<Response, Response> {
    let refuse = |text: String| Response::text(StatusCode::BAD_REQUEST, text);
    let number = |name: &str| match request.query.get(name) {
        None => Ok(-1),
        Some(text) => match text.parse::<i64>() {
            // Only -1 stands for none.
            Ok(number) if number < -1 => {
                Err(refuse(format!("Negative {name} provided: {number}.\n")))
            }
            Ok(number) => Ok(number),
            Err(_) => Err(refuse(format!(
                "Failed to parse {name}: Failed to convert '{text}' to number.\n"
            ))),
        },
    };
    let (offset, length) = (number("offset")?, number("length")?);
    // An offset of -1 asks for the end, which is how a tail begins.
    let value = match u64::try_from(offset) {
        Ok(offset) => {
            let part = read(flags, path, offset, u64::try_from(length).ok(), rights)?;
            json!({"data": String::from_utf8_lossy(&part.data), "offset": offset})
        }
        Err(_) => json!({"data": "", "offset": read(flags, path, 0, Some(0), rights)?.size}),
    };
    Ok(Response::json(&request.query, &value))
}

fn download(flags: &Flags, path: &str, rights: &Rights) -> Result<Response, Response> {
    // What cannot be downloaded is refused in words, unlike elsewhere.
    let file = resolve(flags, path, rights).map_err(Response::status)?;
    let all = part(&file, 0, MAX_DOWNLOAD).map_err(|error| failed(&error))?;
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let mut response = Response::bytes(StatusCode::OK, "application/octet-stream", all.data);
    let disposition = format!("attachment; filename={name}");
    response.set(header::CONTENT_DISPOSITION, &disposition);
    Ok(response)
}
