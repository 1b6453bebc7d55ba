//! Files of messages, each with its length before it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use protobuf::Message;

/// No checkpoint is larger, in bytes.
const MAX_MESSAGE: usize = 64 << 20;

/// A file's messages, and whether they were all of it.
#[derive(Debug, PartialEq)]
pub(super) struct Contents<M> {
    pub(super) messages: Vec<M>,
    /// How many bytes the whole messages take. What follows was being written when its writer died.
    pub(super) whole: usize,
}

fn framed(message: &impl Message) -> io::Result<Vec<u8>> {
    let body = message.write_to_bytes().map_err(io::Error::other)?;
    let length = u32::try_from(body.len()).map_err(io::Error::other)?;
    let mut bytes = length.to_le_bytes().to_vec();
    bytes.extend(body);
    Ok(bytes)
}

/// Writes a file of one message. A reader finds the old one or the new one.
pub(super) fn write_message(path: &Path, message: &impl Message) -> io::Result<()> {
    write_messages(path, std::slice::from_ref(message))
}

/// Writes a file of messages, as [`write_message`] does.
pub(super) fn write_messages<M: Message>(path: &Path, messages: &[M]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut file = File::create(&fresh)?;
    for message in messages {
        file.write_all(&framed(message)?)?;
    }
    fs::rename(&fresh, path)
}

/// Adds a message to a file.
pub(super) fn append_message(path: &Path, message: &impl Message) -> io::Result<()> {
    let mut file = OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(&framed(message)?)
}

/// Reads a file of messages.
pub(super) fn read_messages<M: Message>(path: &Path) -> io::Result<Contents<M>> {
    let bytes = fs::read(path)?;
    parse(&bytes)
}

fn parse<M: Message>(bytes: &[u8]) -> io::Result<Contents<M>> {
    let mut contents = Contents {
        messages: Vec::new(),
        whole: 0,
    };
    let mut rest = bytes;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > MAX_MESSAGE {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "a length is impossible",
            ));
        }
        let Some((body, after)) = after.split_at_checked(length) else {
            break;
        };
        let message = M::parse_from_bytes(body)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        contents.messages.push(message);
        rest = after;
        contents.whole = bytes.len() - rest.len();
    }
    Ok(contents)
}

/// Reads a file of one message.
pub(super) fn read_message<M: Message>(path: &Path) -> io::Result<M> {
    read_messages(path)?
        .messages
        .into_iter()
        .next()
        .ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the file ends before its message does",
            )
        })
}

#[cfg(test)]
mod tests {
    use mesos_proto::mesos::TaskID;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse::<TaskID>(&bytes);
        }

        /// A writer may die at any byte: what was whole before is read.
        #[test]
        fn a_file_cut_off_anywhere_gives_what_is_whole(names in prop::collection::vec("[a-z]{0,8}", 1..6), cut in 0usize..80) {
            let mut bytes = Vec::new();
            let mut ends = Vec::new();
            for name in &names {
                let mut id = TaskID::new();
                id.set_value(name.clone());
                bytes.extend(framed(&id).unwrap());
                ends.push(bytes.len());
            }
            let cut = cut.min(bytes.len());
            let got = parse::<TaskID>(&bytes[..cut]).unwrap();
            let whole = ends.iter().filter(|end| **end <= cut).count();
            prop_assert_eq!(got.messages.len(), whole);
            prop_assert_eq!(got.whole, if whole == 0 { 0 } else { ends[whole - 1] });
        }
    }
}
