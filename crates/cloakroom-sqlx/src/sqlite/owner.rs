//! The lock that makes one process the owner of the sessions in a file.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use cloakroom::store::Namespace;

use crate::error::OpenError;

use super::file;

/// How often the lock of the previous owner is looked at.
const POLL: Duration = Duration::from_millis(20);

/// The right to write the sessions of a namespace in a file.
///
/// It is a lock on a companion file, `<file>-owner-<namespace>`, which the operating system releases
/// when its process ends, however that happens. The lock cannot be on the database itself: closing
/// any handle of that file would release SQLite's own locks of the whole process.
#[derive(Debug)]
pub(super) struct Owner {
    locked: File,
}

impl Owner {
    /// Waits up to `patience` until no other process owns the sessions.
    pub(super) async fn take(database: &Path, namespace: &Namespace, patience: Duration) -> Result<Self, OpenError> {
        let path = companion(database, namespace);
        let began = Instant::now();
        let mut announced = false;
        loop {
            let mut file =
                file::private().read(true).create(true).open(&path).map_err(|error| file::error(&path, &error))?;
            match file.try_lock() {
                Ok(()) => {
                    // Best effort: it only makes the message of a process that waits more helpful.
                    drop(write_holder(&mut file));
                    return Ok(Self { locked: file });
                }
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(error)) => return Err(file::error(&path, &error)),
            }
            let holder = read_holder(&mut file);
            if began.elapsed() >= patience {
                return Err(OpenError::InUse { path: database.to_owned(), holder, waited: patience });
            }
            if !announced {
                announced = true;
                tracing::warn!(file = %database.display(), holder, ?patience, "waiting for the process that uses the sessions");
            }
            tokio::time::sleep(POLL.min(patience.saturating_sub(began.elapsed()))).await;
        }
    }
}

/// Whether a process uses the sessions of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Free,
    /// By the process with this number, if it is known.
    Held(Option<u32>),
    /// The lock cannot be read.
    Unknown,
}

/// Looks who has the lock. A process that asks for it at this very moment asks again soon.
pub(super) fn use_of(database: &Path, namespace: &Namespace) -> Use {
    let mut file = match File::open(companion(database, namespace)) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Use::Free,
        Err(_) => return Use::Unknown,
    };
    match file.try_lock_shared() {
        Ok(()) => {
            drop(file.unlock());
            Use::Free
        }
        Err(TryLockError::WouldBlock) => Use::Held(read_holder(&mut file)),
        Err(TryLockError::Error(_)) => Use::Unknown,
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is being started from this one has copies
        // of its handles for a moment, and a copy keeps the lock.
        drop(self.locked.unlock());
    }
}

fn companion(database: &Path, namespace: &Namespace) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-owner-");
    path.push(namespace.as_str());
    path.into()
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(std::process::id().to_string().as_bytes())
}

/// The process that holds the lock. `None` if it has not written its number yet, or on a system that
/// does not let others read a locked file.
fn read_holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(20).read_to_string(&mut text).ok()?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_copy_of_the_handle_keeps_no_lock() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let (path, namespace) = (folder.path().join("sessions.db"), "default".parse()?);
        let owner = Owner::take(&path, &namespace, Duration::ZERO).await?;
        let copy = owner.locked.try_clone()?;
        drop(owner);
        Owner::take(&path, &namespace, Duration::ZERO).await?;
        drop(copy);
        Ok(())
    }
}
