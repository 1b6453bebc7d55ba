//! Folders of a sandbox, listed as `ls -l` lists them.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;

use crate::clock;
use crate::users::{User, group_name};

use super::text::{link, list_time};

/// The most entries that are shown of one folder.
const MAX_ENTRIES: usize = 10_000;

/// One line of a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Entry {
    pub(crate) mode: String,
    pub(crate) links: u64,
    pub(crate) user: String,
    pub(crate) group: String,
    pub(crate) size: u64,
    pub(crate) modified: String,
    pub(crate) name: String,
    /// The path in the sandbox, fit for a link.
    pub(crate) link: String,
    pub(crate) is_folder: bool,
}

/// The entries of a folder, by name. `path` is where it is in its sandbox.
pub(crate) fn entries(folder: &Path, path: &str) -> Option<Vec<Entry>> {
    #[expect(clippy::cast_possible_truncation, reason = "seconds since 1970 fit")]
    let now = clock::now() as i64;
    let mut entries: Vec<Entry> = fs::read_dir(folder)
        .ok()?
        .flatten()
        .take(MAX_ENTRIES)
        .filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let own = entry.metadata().ok()?;
            // A link to a folder opens as one.
            let is_folder = fs::metadata(entry.path()).is_ok_and(|meta| meta.is_dir());
            let prefix = path.trim_matches('/');
            let full = if prefix.is_empty() {
                name.clone()
            } else {
                format!("{prefix}/{name}")
            };
            Some(Entry {
                mode: mode(own.mode()),
                links: own.nlink(),
                user: user(own.uid()),
                group: group(own.gid()),
                size: own.size(),
                modified: list_time(own.mtime(), now),
                name,
                link: link(&full),
                is_folder,
            })
        })
        .collect();
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Some(entries)
}

fn user(uid: u32) -> String {
    User::numbered(uid).map_or_else(|| uid.to_string(), |user| user.name)
}

fn group(gid: u32) -> String {
    group_name(gid).unwrap_or_else(|| gid.to_string())
}

/// `drwxr-xr-x`.
fn mode(mode: u32) -> String {
    let kind = match mode & 0o170_000 {
        0o040_000 => 'd',
        0o120_000 => 'l',
        0o010_000 => 'p',
        0o140_000 => 's',
        0o020_000 => 'c',
        0o060_000 => 'b',
        _ => '-',
    };
    let mut text = String::from(kind);
    for (shift, special, set) in [(6, 0o4000, 's'), (3, 0o2000, 's'), (0, 0o1000, 't')] {
        let bits = mode >> shift;
        text.push(if bits & 4 != 0 { 'r' } else { '-' });
        text.push(if bits & 2 != 0 { 'w' } else { '-' });
        text.push(match (mode & special != 0, bits & 1 != 0) {
            (true, true) => set,
            (true, false) => set.to_ascii_uppercase(),
            (false, true) => 'x',
            (false, false) => '-',
        });
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_look_as_ls_shows_them() {
        let cases = [
            (0o040_700, "drwx------"),
            (0o100_644, "-rw-r--r--"),
            (0o120_777, "lrwxrwxrwx"),
            (0o041_777, "drwxrwxrwt"),
            (0o104_755, "-rwsr-xr-x"),
            (0o102_640, "-rw-r-S---"),
        ];
        for (bits, want) in cases {
            assert_eq!(mode(bits), want);
        }
    }
}
