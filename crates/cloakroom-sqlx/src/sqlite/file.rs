//! The file of a store, before SQLite opens it.

use std::fs::{Metadata, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use cloakroom::ConfigError;

use crate::error::OpenError;

use super::file_system;

/// Options for files that only their owner may read, because sessions are confidential.
pub(super) fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

/// Creates the file if it does not exist, and returns its canonical path, so that all paths to one
/// file have the same owner.
///
/// SQLite gives its companion files `-wal` and `-shm` the rights of the file.
pub(super) fn prepare(path: &Path) -> Result<PathBuf, OpenError> {
    check_name(path)?;
    if path.is_dir() {
        return Err(OpenError::NotAFile { path: path.to_owned() });
    }
    match private().create_new(true).open(path) {
        Ok(_) => sync_folder(path),
        // It is not opened here: closing the handle would release the locks of other connections
        // of this process.
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Err(OpenError::NoFolder { path: folder(path).to_owned() });
        }
        Err(failure) => return Err(error(path, &failure)),
    }
    let path = path.canonicalize().map_err(|failure| error(path, &failure))?;
    check(&path)?;
    Ok(path)
}

/// Refuses what `sqlx` and SQLite take for something else than a path, and would be created as a file
/// of that name here.
fn check_name(path: &Path) -> Result<(), OpenError> {
    let name = path.to_string_lossy();
    if name == ":memory:" || name.starts_with("sqlite:") || name.starts_with("file:") {
        let problem = format!(
            "is {name:?} and must be the path of a file, without a scheme; sessions that need not survive the process \
             need no store (`Sessions::in_memory`)"
        );
        return Err(ConfigError::new("path", problem).into());
    }
    Ok(())
}

/// Makes the new file survive a power failure, which SQLite does only for files that it creates.
/// Best effort: not every file system can.
#[cfg(unix)]
fn sync_folder(path: &Path) {
    drop(std::fs::File::open(folder(path)).and_then(|folder| folder.sync_all()));
}

/// Other systems do not open folders as files.
#[cfg(not(unix))]
const fn sync_folder(_: &Path) {}

/// Checks a file that exists.
pub(super) fn check(path: &Path) -> Result<(), OpenError> {
    let metadata = path.metadata().map_err(|failure| error(path, &failure))?;
    if !metadata.is_file() {
        return Err(OpenError::NotAFile { path: path.to_owned() });
    }
    if is_exposed(&metadata) {
        tracing::warn!(file = %path.display(), "other users of this machine can read the sessions; use `chmod 600`");
    }
    check_place(path, &metadata)
}

fn check_place(path: &Path, metadata: &Metadata) -> Result<(), OpenError> {
    // Each name would have an owner and a log of its own.
    let links = names(metadata);
    if links > 1 {
        return Err(OpenError::HardLinks { path: path.to_owned(), links });
    }
    match file_system::network(path) {
        Some(kind) => Err(OpenError::NetworkFileSystem { path: path.to_owned(), kind }),
        None => Ok(()),
    }
}

/// Returns the canonical path of a file that is there, and creates nothing.
pub(super) fn existing(path: &Path) -> Result<PathBuf, OpenError> {
    let metadata = match path.metadata() {
        Ok(metadata) => metadata,
        Err(failure) if failure.kind() == ErrorKind::NotFound => {
            let detail = "there is no such file; give the path that the application gives, which creates it".to_owned();
            return Err(OpenError::Other { path: path.to_owned(), detail });
        }
        Err(failure) => return Err(error(path, &failure)),
    };
    if !metadata.is_file() {
        return Err(OpenError::NotAFile { path: path.to_owned() });
    }
    let path = path.canonicalize().map_err(|failure| error(path, &failure))?;
    check_place(&path, &metadata)?;
    Ok(path)
}

/// Returns the number of names that the file has.
#[cfg(unix)]
fn names(metadata: &Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::nlink(metadata)
}

/// Not known on other systems.
#[cfg(not(unix))]
const fn names(_: &Metadata) -> u64 {
    1
}

/// Returns `true` if other users of the machine may read or write the file.
#[cfg(unix)]
pub(super) fn is_exposed(metadata: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::mode(metadata) & 0o077 != 0
}

/// Rights are not known on other systems.
#[cfg(not(unix))]
pub(super) const fn is_exposed(_: &Metadata) -> bool {
    false
}

/// The error for a file that the operating system does not open or create.
pub(super) fn error(path: &Path, error: &io::Error) -> OpenError {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::PermissionDenied => OpenError::PermissionDenied { path, detail: error.to_string() },
        ErrorKind::ReadOnlyFilesystem => OpenError::ReadOnly { path },
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => OpenError::Full { path },
        ErrorKind::IsADirectory => OpenError::NotAFile { path },
        ErrorKind::NotFound | ErrorKind::NotADirectory => OpenError::NoFolder { path: folder(&path).to_owned() },
        _ => OpenError::Other { path, detail: error.to_string() },
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
