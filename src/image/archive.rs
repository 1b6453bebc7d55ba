//! Tar archives, the same for the same content wherever and whenever they are made.

use bytes::Bytes;

/// A file of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its path, relative.
    pub path: String,
    /// Its permissions.
    pub mode: u32,
    /// What is in it.
    pub content: Bytes,
}

impl Entry {
    /// A file whose permissions follow from its content: scripts and programs can be run.
    pub fn new(path: impl Into<String>, content: impl Into<Bytes>) -> Self {
        let content = content.into();
        let program = content.starts_with(b"#!") || content.starts_with(b"\x7fELF");
        Self {
            path: path.into(),
            mode: if program { 0o755 } else { 0o644 },
            content,
        }
    }
}

/// The files as a tar archive, owned by root and of no age, with a folder entry for no folder.
///
/// # Errors
/// When a path is too long for the format.
pub fn archive(entries: &[Entry]) -> std::io::Result<Bytes> {
    let size = entries
        .iter()
        .map(|entry| entry.content.len() + 1024)
        .sum::<usize>()
        + 1024;
    let mut builder = tar::Builder::new(Vec::with_capacity(size));
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(entry.mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(entry.content.len() as u64);
        builder.append_data(&mut header, &entry.path, entry.content.as_ref())?;
    }
    Ok(Bytes::from(builder.into_inner()?))
}
