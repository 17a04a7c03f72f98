use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use cloakroom::ConfigError;

/// Why a store could not be opened, with the remedy.
///
/// `Debug` prints the same text as `Display`, because a `main` that returns this error prints
/// `Debug`.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// A setting is not valid.
    #[error(transparent)]
    Setting(#[from] ConfigError),
    /// The folder of the file does not exist.
    #[error("{}: there is no such folder; create it, or give the path of a file in one that exists", path.display())]
    NoFolder {
        /// The folder.
        path: PathBuf,
    },
    /// The path names something else than a file.
    #[error("{}: this is not a file; give the path of a file, which is created if it does not exist", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refuses access.
    #[error(
        "{}: permission denied; let the user that runs this program read and write the file and create files in its \
         folder", path.display()
    )]
    PermissionDenied {
        /// The file that was to be opened or created.
        path: PathBuf,
        /// The error of the system or of SQLite.
        detail: String,
    },
    /// The file can only be read.
    #[error(
        "{}: the file is read-only; let the user that runs this program write the file and its folder, and check that \
         the file system is not mounted read-only", path.display()
    )]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// The file is not an SQLite database.
    #[error("{}: this file is not an SQLite database; give the path of another file", path.display())]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The database is damaged.
    #[error(
        "{}: the database is damaged: {detail}; restore it from a backup or recover it with `.recover` of `sqlite3`, \
         or move it away to start without sessions", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The error of SQLite.
        detail: String,
    },
    /// The disk is full.
    #[error("{}: the disk is full; free some space on it", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Another process uses the sessions in the file, and did not leave.
    #[error(
        "{}: {} still uses the sessions in this file after {waited:?}; only one may, so {}", path.display(),
        Holder(*holder, *is_this_process), remedy_for(*is_this_process)
    )]
    InUse {
        /// The file.
        path: PathBuf,
        /// The number of the process that uses it, if it is known. Containers number their
        /// processes on their own, so this process may have the same number.
        holder: Option<u32>,
        /// Whether it is this process itself.
        is_this_process: bool,
        /// How long this process waited.
        waited: Duration,
    },
    /// The database or its lock was deleted or replaced while this process opened it.
    #[error(
        "{}: the database or its lock was deleted or replaced by another process meanwhile; start this program again",
        path.display()
    )]
    Replaced {
        /// The file.
        path: PathBuf,
    },
    /// The file has several names, and SQLite takes each of them for a database of its own.
    #[error(
        "{}: this file has {links} names (hard links), and SQLite damages a database that is opened under two of them; \
         remove the others, or use a copy of the file", path.display()
    )]
    HardLinks {
        /// The file.
        path: PathBuf,
        /// The number of its names.
        links: u64,
    },
    /// Another program holds a lock on the database.
    #[error(
        "{}: another program has locked the database; end it, or wait longer for it with `busy_timeout`",
        path.display()
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// The file is on a network file system, on which SQLite's locks cannot be relied on.
    #[error(
        "{}: the file is on a network file system ({kind}), on which SQLite damages databases; use a local disk, or \
         Redis, Valkey or PostgreSQL if several machines need the sessions", path.display()
    )]
    NetworkFileSystem {
        /// The file.
        path: PathBuf,
        /// The file system.
        kind: &'static str,
    },
    /// The tables were made by a newer version of this crate.
    #[error(
        "{}: its tables have version {found}, made by a newer release; this release knows versions up to {known}: \
         update this program", path.display()
    )]
    NewerSchema {
        /// The file.
        path: PathBuf,
        /// The version of the tables.
        found: i64,
        /// The newest version that this release knows.
        known: i64,
    },
    /// Anything else that SQLite or the pool reports.
    #[error("{}: cannot be opened: {detail}", path.display())]
    Other {
        /// The file.
        path: PathBuf,
        /// The error.
        detail: String,
    },
}

impl fmt::Debug for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The number of a process, and whether it is this one.
struct Holder(Option<u32>, bool);

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(_, true) => f.write_str("this process itself"),
            Self(Some(id), _) if *id == std::process::id() => write!(f, "process {id} of another container"),
            Self(Some(id), _) => write!(f, "process {id}"),
            Self(None, _) => f.write_str("another process"),
        }
    }
}

const fn remedy_for(is_this_process: bool) -> &'static str {
    if is_this_process {
        "clone the store instead of opening the file twice"
    } else {
        "end that process, wait longer with `take_over_timeout`, or use Redis, Valkey or PostgreSQL for several \
         processes at a time"
    }
}
