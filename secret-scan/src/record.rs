use std::cell::Cell;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::log::Log;

/// The environment variable that names the folder.
const FOLDER: &str = "CLOAKROOM_SECRET_SCAN";

static RECORDER: OnceLock<Option<Recorder>> = OnceLock::new();

struct Recorder(Mutex<File>);

/// Returns `true` if this process records its secrets.
///
/// From the first call on, everything that is logged is recorded as well, unless a subscriber is
/// already installed; the output of that one is searched too.
pub fn is_recording() -> bool {
    RECORDER.get_or_init(Recorder::start).is_some()
}

/// Records a secret, so that everything that this run prints is searched for it.
///
/// Some kinds have a meaning: `random` (drawn from a random source), `token` (the text that a
/// client received), `key` (of a key ring) and `namespace` (of a store; not a secret itself, but
/// hashed with each secret). Any other kind is a name for the report.
pub fn record(kind: &str, secret: impl AsRef<[u8]>) {
    let Some(Recorder(file)) = RECORDER.get_or_init(Recorder::start) else { return };
    // With the thread, because a selector and a secret that one thread draws belong together.
    let mut line = format!("{kind} {} ", thread_number());
    secret.as_ref().iter().for_each(|byte| line.push_str(&format!("{byte:02x}")));
    line.push('\n');
    // Unbuffered, because a test process exits without running destructors.
    drop(file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes()));
}

impl Recorder {
    fn start() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os(FOLDER)?);
        let open = |kind: &str| {
            let path = folder.join(format!("{}.{kind}", std::process::id()));
            OpenOptions::new().create(true).append(true).open(path)
        };
        let (secrets, log) = open("secrets").and_then(|secrets| Ok((secrets, open("log")?))).ok()?;
        drop(tracing::subscriber::set_global_default(Log::new(log)));
        Some(Self(Mutex::new(secrets)))
    }
}

fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    thread_local!(static MINE: Cell<u64> = Cell::new(NEXT.fetch_add(1, Ordering::Relaxed)));
    MINE.with(Cell::get)
}
