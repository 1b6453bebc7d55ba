//! The program that goes into every image.

use std::env;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest, Sha256};

use super::{ImageError, elf};

/// The name that the program must have to be taken for the product.
const NAME: &str = "devcluster";

/// The product: one static program that acts by the name it is called by.
#[derive(Debug, Clone)]
pub struct Product {
    /// Where it was found.
    pub path: PathBuf,
    /// What is in it.
    pub content: Bytes,
    /// The SHA-256 of that.
    pub digest: [u8; 32],
}

impl Product {
    /// Finds and reads the product: `DEVCLUSTER_BIN`, else `CARGO_BIN_EXE_devcluster` (our own integration tests), else the
    /// running program when it is devcluster, else `devcluster` on `PATH` (other projects' tests).
    ///
    /// # Errors
    /// When there is none, or it could not run in an image.
    pub async fn find() -> Result<Self, ImageError> {
        Self::read(locate().ok_or(ImageError::NoProduct)?).await
    }

    /// Reads the product from a file.
    ///
    /// # Errors
    /// When it cannot be read, or could not run in an image.
    pub async fn read(path: PathBuf) -> Result<Self, ImageError> {
        let read = tokio::task::spawn_blocking(move || match std::fs::read(&path) {
            Ok(content) => {
                elf::check_static(&content).map_err(|why| ImageError::Unfit {
                    path: path.clone(),
                    why,
                })?;
                let digest = Sha256::digest(&content).into();
                Ok(Self {
                    path,
                    content: Bytes::from(content),
                    digest,
                })
            }
            Err(source) => Err(ImageError::Product { path, source }),
        });
        read.await.unwrap_or(Err(ImageError::NoProduct))
    }
}

fn locate() -> Option<PathBuf> {
    let named = |variable: &str| {
        env::var_os(variable)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    if let Some(path) = named("DEVCLUSTER_BIN").or_else(|| named("CARGO_BIN_EXE_devcluster")) {
        return Some(path);
    }
    // Not `current_exe`'s link target: a rebuilt program's is ` (deleted)`, while /proc/self/exe still opens.
    let running = env::current_exe()
        .ok()
        .filter(|path| path.file_name().is_some_and(|name| name == NAME));
    running.filter(|path| path.exists()).or_else(on_path)
}

fn on_path() -> Option<PathBuf> {
    let folders = env::var_os("PATH")?;
    env::split_paths(&folders)
        .map(|folder| folder.join(NAME))
        .find(|path| is_program(path))
}

fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path)
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}
