//! What can be known about a file without taking it from its application or changing it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cloakroom::store::Namespace;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::builder::SqliteStoreBuilder;
use super::fault::Location;
use super::migrations::{self, NEWEST};
use super::owner::{self, Use};
use super::{file, file_system};
use crate::error::OpenError;
use crate::finding::Finding;

/// The longest wait for a lock of the application.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of damages that are looked for; one is enough to need a backup.
const DAMAGES: &str = "PRAGMA quick_check(1)";

/// The free space of a disk below which writes may soon fail.
const SCARCE: u64 = 100 << 20;

/// How often the inspection begins again because an application has opened the file meanwhile.
const ATTEMPTS: usize = 3;

impl SqliteStoreBuilder {
    /// Looks for everything that would prevent or endanger the use of the file at `path`, and leaves
    /// it as it is: no file is created, locked for long or written.
    ///
    /// An application may use the file meanwhile. The level of `synchronous` is a setting of each
    /// connection and not of the file, so it cannot be seen.
    pub async fn inspect(self, path: impl AsRef<Path>) -> Vec<Finding> {
        let namespace = match self.checked() {
            Ok(namespace) => namespace,
            Err(error) => return vec![Finding::problem("settings", &error)],
        };
        let path = match file::existing(path.as_ref()) {
            Ok(path) => path,
            Err(error) => return vec![Finding::problem("file", &error)],
        };
        let mut findings = vec![Finding::fine("file", path.display().to_string())];
        findings.extend(rights(&path));
        findings.extend(space(&path));
        let used = owner::use_of(&path, &namespace);
        findings.push(process(used));
        findings.extend(Inspection { path, namespace, used }.contents().await);
        findings
    }
}

/// Warns of files that other users of the machine may read.
fn rights(path: &Path) -> Option<Finding> {
    let companion = |suffix: &str| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let files = [path.to_owned(), companion("-wal"), companion("-journal")];
    let exposed = files.iter().find(|path| path.metadata().is_ok_and(|metadata| file::is_exposed(&metadata)))?;
    let detail = format!("{}: other users of this machine can read the sessions; use `chmod 600`", exposed.display());
    Some(Finding::warning("rights of the file", detail))
}

fn space(path: &Path) -> Option<Finding> {
    let free = file_system::free_space(path)?;
    let detail = format!("{} MiB are free", free >> 20);
    Some(if free < SCARCE {
        Finding::warning("disk", format!("{detail}; free some space, or writes will fail"))
    } else {
        Finding::fine("disk", detail)
    })
}

fn process(used: Use) -> Finding {
    Finding::fine(
        "process",
        match used {
            Use::Free => "no process uses the sessions".to_owned(),
            Use::Held(Some(id)) => format!("process {id} uses the sessions"),
            Use::Held(None) => "a process uses the sessions".to_owned(),
            Use::Unknown => "it cannot be seen whether a process uses the sessions".to_owned(),
        },
    )
}

struct Inspection {
    path: PathBuf,
    namespace: Namespace,
    used: Use,
}

impl Inspection {
    async fn contents(&self) -> Vec<Finding> {
        let header = match header(&self.path) {
            Ok(header) => header,
            Err(error) => return vec![Finding::problem("database", &file::error(&self.path, &error))],
        };
        let is_wal = match header.as_slice() {
            [] => {
                return vec![Finding::warning(
                    "tables",
                    "the file is empty; the application creates them at its start",
                )];
            }
            header if !header.starts_with(b"SQLite format 3\0") => {
                return vec![Finding::problem("database", &OpenError::NotADatabase { path: self.path.clone() })];
            }
            header => header.get(18..20) == Some(&[2, 2]),
        };
        let mut findings = Vec::new();
        for _ in 0..ATTEMPTS {
            let is_closed = is_wal && !self.has_wal();
            findings = self.look_inside(is_wal, is_closed).await;
            let was_opened = is_closed && self.has_wal();
            if !was_opened {
                break;
            }
        }
        findings
    }

    fn has_wal(&self) -> bool {
        let mut path = self.path.as_os_str().to_owned();
        path.push("-wal");
        Path::new(&path).exists()
    }

    /// If the file is closed, SQLite would create companion files to read it, unless it is told that
    /// nobody writes to it.
    async fn look_inside(&self, is_wal: bool, is_closed: bool) -> Vec<Finding> {
        let location = Location::new(&self.path);
        let options = SqliteConnectOptions::new().filename(&self.path).read_only(true).busy_timeout(PATIENCE);
        let options = options.immutable(is_closed).disable_statement_logging();
        let mut connection = match SqliteConnection::connect_with(&options).await {
            Ok(connection) => connection,
            Err(error) => return vec![Finding::problem("database", &location.open_error(&error))],
        };
        let looked = self.look(&mut connection, is_wal).await;
        drop(connection.close().await);
        looked.unwrap_or_else(|error| vec![Finding::problem("database", &location.open_error(&error))])
    }

    async fn look(&self, connection: &mut SqliteConnection, is_wal: bool) -> sqlx::Result<Vec<Finding>> {
        let mut findings = Vec::new();
        findings.push(if is_wal {
            Finding::fine("journal mode", "wal")
        } else {
            Finding::warning(
                "journal mode",
                "it is not WAL, in which sessions are read and written faster; set it in \
                the options of the pool, or let `SqliteStore::open` set it",
            )
        });
        // Outside of WAL mode, a long read would keep the application from writing.
        if is_wal || self.used == Use::Free {
            let damage: String = sqlx::query_scalar(DAMAGES).fetch_one(&mut *connection).await?;
            if damage != "ok" {
                let damaged = OpenError::Damaged { path: self.path.clone(), detail: damage.replace('\n', " ") };
                findings.push(Finding::problem("integrity", &damaged));
                return Ok(findings);
            }
            findings.push(Finding::fine("integrity", ""));
        } else {
            findings.push(Finding::fine("integrity", "not checked while a process uses the file"));
        }
        let found = migrations::version(connection).await?;
        if found > NEWEST {
            let newer = OpenError::NewerSchema { path: self.path.clone(), found, known: NEWEST };
            findings.push(Finding::problem("tables", &newer));
        } else if found < NEWEST {
            let detail = format!(
                "they have version {found} (0: there are none) and this release needs version {NEWEST}; the \
                 application brings them to it at its start"
            );
            findings.push(Finding::warning("tables", detail));
        } else {
            let count = sqlx::query_scalar("SELECT count(*) FROM cloakroom_sessions WHERE namespace = ?1");
            let count: i64 = count.bind(self.namespace.as_str()).fetch_one(connection).await?;
            findings.push(Finding::fine(
                "tables",
                format!("version {found}, {count} sessions in namespace {:?}", self.namespace.as_str()),
            ));
        }
        Ok(findings)
    }
}

/// The first bytes of the file. This process must have no connection to it: closing the file would
/// release its locks.
fn header(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut header = Vec::new();
    File::open(path)?.take(100).read_to_end(&mut header)?;
    Ok(header)
}
