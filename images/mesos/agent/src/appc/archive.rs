//! An image's files as one archive, which is made while it is read.

use std::io::{self, Write};
use std::path::PathBuf;

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use futures_util::stream::unfold;
use tokio::sync::mpsc;

/// How large a piece of an archive is, in bytes, and how many may wait.
const PIECE: usize = 64 * 1024;
const WAITING: usize = 16;

/// The files in these folders, in this order: a later one of the same name takes the place of the earlier.
/// What cannot be read ends the archive with an error.
pub fn archive(
    layers: Vec<PathBuf>,
) -> impl Stream<Item = io::Result<Bytes>> + Send + Unpin + 'static {
    let (pieces, waiting) = mpsc::channel(WAITING);
    tokio::task::spawn_blocking(move || {
        let out = Pieces {
            pieces: pieces.clone(),
            piece: BytesMut::with_capacity(PIECE),
        };
        if let Err(error) = write(&layers, out) {
            // Whoever has stopped reading needs no reason.
            let _ = pieces.blocking_send(Err(error));
        }
    });
    Box::pin(unfold(waiting, async |mut waiting: mpsc::Receiver<_>| {
        Some((waiting.recv().await?, waiting))
    }))
}

fn write(layers: &[PathBuf], out: Pieces) -> io::Result<()> {
    let mut archive = tar::Builder::new(out);
    archive.follow_symlinks(false);
    for layer in layers {
        archive.append_dir_all("", layer)?;
    }
    archive.into_inner()?.flush()
}

/// What is written goes out in pieces.
struct Pieces {
    pieces: mpsc::Sender<io::Result<Bytes>>,
    piece: BytesMut,
}

impl Write for Pieces {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let room = PIECE - self.piece.len();
        let taken = buffer.len().min(room);
        self.piece.extend_from_slice(&buffer[..taken]);
        if self.piece.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = self.piece.split().freeze();
        self.piece.reserve(PIECE);
        let sent = self.pieces.blocking_send(Ok(piece));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use futures_util::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_above_takes_the_place_of_what_is_below() {
        let dir = tempfile::tempdir().expect("a folder");
        let (below, above) = (dir.path().join("below"), dir.path().join("above"));
        fs::create_dir_all(below.join("bin")).expect("made");
        fs::create_dir_all(above.join("bin")).expect("made");
        let large = "x".repeat(3 * PIECE);
        for (file, text) in [
            ("below/bin/tool", "old"),
            ("below/large", &large),
            ("above/bin/tool", "new"),
        ] {
            fs::write(dir.path().join(file), text).expect("written");
        }
        let mode = fs::Permissions::from_mode(0o4755);
        fs::set_permissions(above.join("bin/tool"), mode).expect("set");
        symlink("/bin", above.join("sbin")).expect("a link");
        let out = tempfile::tempdir().expect("a folder");
        let packed = archive(vec![below, above]);
        crate::containerizer::images::unpack(packed, out.path().into())
            .await
            .expect("unpacked");
        let read = |file: &str| fs::read_to_string(out.path().join(file)).expect(file);
        assert_eq!(
            (read("bin/tool"), read("large")),
            ("new".to_string(), large)
        );
        let meta = fs::metadata(out.path().join("bin/tool")).expect("there");
        assert_eq!(meta.permissions().mode() & 0o7777, 0o4755);
        let link = fs::read_link(out.path().join("sbin")).expect("a link");
        assert_eq!(link.to_str(), Some("/bin"));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_an_error() {
        let dir = tempfile::tempdir().expect("a folder");
        let pieces: Vec<_> = archive(vec![dir.path().join("none")]).collect().await;
        assert!(pieces.last().is_some_and(Result::is_err), "{pieces:?}");
    }
}
