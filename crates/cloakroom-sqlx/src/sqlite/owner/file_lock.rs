//! The lock that makes one process the owner of the sessions in a file.

use std::fs::{File, TryLockError};
use std::io::{self, ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use cloakroom::store::Namespace;

use crate::error::OpenError;
use crate::node::random_number;

use super::POLL;
use crate::sqlite::file;
use crate::sqlite::file_id::FileId;

/// How often an owner looks whether its files are still in their places. Its transactions look in
/// any case.
pub(in crate::sqlite) const CHECK: Duration = Duration::from_millis(250);

/// How often a lock is tried to be taken that is replaced at the same time.
const ATTEMPTS: u32 = 10;

/// Distinguishes this process from one of the same number in another container.
static PROCESS: LazyLock<u64> = LazyLock::new(|| random_number().cast_unsigned());

/// The right to write the sessions of a namespace in a file.
///
/// It is a lock on a companion file, `<file>-owner-<namespace>`, which the operating system releases
/// when its process ends, however that happens. The lock cannot be on the database itself: closing
/// any handle of that file would release SQLite's own locks of the whole process.
///
/// The owner is the process that has locked the file that is at the companion's path. A file that
/// was deleted or replaced keeps its lock, so the path is compared with what was locked.
#[derive(Debug)]
pub(in crate::sqlite) struct FileLock {
    database: PathBuf,
    /// `None` until SQLite has opened it.
    database_id: Option<FileId>,
    path: PathBuf,
    companion: Companion,
}

/// A companion file that this process has locked.
#[derive(Debug)]
struct Companion {
    locked: File,
    id: FileId,
    /// Whether there was none before.
    is_new: bool,
}

/// Whether a process uses the sessions of a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sqlite) enum Use {
    Free,
    /// By the process with this number, if it is known.
    Held(Option<u32>),
    /// The lock cannot be read.
    Unknown,
}

/// Looks who has the lock. A process that asks for it at this very moment asks again soon.
pub(in crate::sqlite) fn use_of(database: &Path, namespace: &Namespace) -> Use {
    let mut file = match File::open(companion(database, namespace)) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Use::Free,
        Err(_) => return Use::Unknown,
    };
    match file.try_lock_shared() {
        Ok(()) => {
            drop(file.unlock());
            Use::Free
        }
        Err(TryLockError::WouldBlock) => Use::Held(Holder::read(&mut file).id),
        Err(TryLockError::Error(_)) => Use::Unknown,
    }
}

/// The process that has locked a companion file.
#[derive(Debug)]
struct Holder {
    /// `None` if it has not written its number yet, or on a system that does not let others read a
    /// locked file.
    id: Option<u32>,
    is_this_process: bool,
}

impl FileLock {
    /// Waits up to `patience` until no other process owns the sessions.
    pub(in crate::sqlite) async fn take(
        database: &Path,
        namespace: &Namespace,
        patience: Duration,
    ) -> Result<Self, OpenError> {
        let path = companion(database, namespace);
        let began = Instant::now();
        let mut announced = false;
        loop {
            let holder = match Companion::lock(&path).map_err(|error| file::error(&path, &error))? {
                Ok(companion) => {
                    return Ok(Self { database: database.to_owned(), database_id: None, path, companion });
                }
                Err(holder) => holder,
            };
            if began.elapsed() >= patience {
                return Err(holder.in_use(database, patience));
            }
            if !announced {
                announced = true;
                tracing::warn!(file = %database.display(), holder = holder.id, ?patience, "waiting for the process that uses the sessions");
            }
            tokio::time::sleep(POLL.min(patience.saturating_sub(began.elapsed()))).await;
        }
    }

    /// Begins to watch the files, after SQLite has opened the database.
    ///
    /// If sessions were found and their lock was not, somebody may have deleted the lock of a former
    /// owner. Its transactions notice that at once, and the copies in its memory after [`CHECK`], so
    /// this waits longer.
    pub(super) async fn begin(&mut self, found_sessions: bool) -> Result<(), OpenError> {
        self.database_id = FileId::at(&self.database).ok().flatten();
        if found_sessions && self.companion.is_new {
            tokio::time::sleep(CHECK * 4).await;
        }
        if self.is_owner() { Ok(()) } else { Err(OpenError::Replaced { path: self.database.clone() }) }
    }

    /// Returns `true` if this process still owns the sessions.
    ///
    /// Called within each transaction that writes: a newcomer replaces the companion before it
    /// begins its first one, so no transaction of this process follows that.
    pub(super) fn is_owner(&mut self) -> bool {
        self.has_database() && self.has_companion()
    }

    /// The database may have been deleted, or replaced by a backup; SQLite would go on with a file
    /// that nobody will find.
    fn has_database(&self) -> bool {
        match FileId::at(&self.database) {
            Ok(found) => self.database_id.is_none() || found == self.database_id,
            // The folder cannot be read at present.
            Err(_) => true,
        }
    }

    fn has_companion(&mut self) -> bool {
        // As above.
        let Ok(found) = FileId::at(&self.path) else { return true };
        if found == Some(self.companion.id) {
            return true;
        }
        match Companion::lock(&self.path) {
            Ok(Ok(companion)) => {
                let file = self.path.display();
                tracing::warn!(%file, "the lock of the sessions was deleted or replaced, and is made again");
                self.companion = companion;
                true
            }
            Ok(Err(_)) => false,
            // Nobody has taken the place.
            Err(_) => found.is_none(),
        }
    }
}

impl Companion {
    /// Locks the file at `path`, and creates it if it does not exist. Returns the holder if another
    /// handle has locked it.
    fn lock(path: &Path) -> io::Result<Result<Self, Holder>> {
        for _ in 0..ATTEMPTS {
            let (mut file, is_new) = open(path)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Ok(Err(Holder::read(&mut file))),
                Err(TryLockError::Error(error)) => return Err(error),
            }
            let id = FileId::of(&file.metadata()?);
            // It may have been replaced since it was opened, also by a link to a file of somebody
            // else, which must not be written.
            if FileId::at(path)? == Some(id) {
                // Best effort: it only makes the message of a process that waits more helpful.
                drop(write_holder(&mut file));
                return Ok(Ok(Self { locked: file, id, is_new }));
            }
        }
        Err(io::Error::other("the lock keeps being replaced; remove what stands in its place"))
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        // Closing the file is not enough: a process that is being started from this one has copies
        // of its handles for a moment, and a copy keeps the lock.
        drop(self.locked.unlock());
    }
}

impl Holder {
    fn read(file: &mut File) -> Self {
        let mut text = String::new();
        let read = file.rewind().and_then(|()| file.take(64).read_to_string(&mut text));
        let mut words = text.split_ascii_whitespace().filter(|_| read.is_ok());
        let id = words.next().and_then(|id| id.parse().ok());
        let is_this_process = words.next().and_then(|process| u64::from_str_radix(process, 16).ok()) == Some(*PROCESS);
        Self { id, is_this_process }
    }

    fn in_use(self, database: &Path, waited: Duration) -> OpenError {
        let path = database.to_owned();
        OpenError::InUse { path, holder: self.id, is_this_process: self.is_this_process, waited }
    }
}

fn companion(database: &Path, namespace: &Namespace) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push("-owner-");
    path.push(namespace.as_str());
    path.into()
}

/// Opens the file, or creates it; also returns whether it did.
fn open(path: &Path) -> io::Result<(File, bool)> {
    match file::private().read(true).create_new(true).open(path) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        created => return created.map(|file| (file, true)),
    }
    if path.symlink_metadata().is_ok_and(|found| found.is_symlink()) {
        return Err(io::Error::other("the lock must not be a link; remove it"));
    }
    // It may have been deleted meanwhile.
    file::private().read(true).create(true).open(path).map(|file| (file, false))
}

fn write_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.write_all(format!("{} {:016x}", std::process::id(), *PROCESS).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_copy_of_the_handle_keeps_no_lock() -> Result<(), Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let (path, namespace) = (folder.path().join("sessions.db"), "default".parse()?);
        let owner = FileLock::take(&path, &namespace, Duration::ZERO).await?;
        let copy = owner.companion.locked.try_clone()?;
        drop(owner);
        FileLock::take(&path, &namespace, Duration::ZERO).await?;
        drop(copy);
        Ok(())
    }
}
