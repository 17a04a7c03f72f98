//! What this process must not show: its secrets, written down for the one who looks for them in all that it printed.
//!
//! Part of the tests (feature `testkit`), and silent unless the environment variable `CLOAKROOM_WITNESS` names a
//! folder. Then every secret goes into a file there, and so does everything that is logged, at every level, unless
//! something else listens. `scripts/test hygiene` runs the suite like that.

mod log;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

/// A shorter one could be somewhere by chance.
const SHORTEST: usize = 12;

static WITNESS: OnceLock<Option<Witness>> = OnceLock::new();

struct Witness(Mutex<File>);

/// A secret was made: what kind of one, and the bytes of it, which nobody asks for if nobody writes them down.
pub(crate) fn saw<B: AsRef<[u8]>>(what: &'static str, secret: impl FnOnce() -> B) {
    let Some(Witness(file)) = WITNESS.get_or_init(Witness::called) else { return };
    let secret = secret();
    if secret.as_ref().len() >= SHORTEST {
        let mut line = format!("{what} ");
        secret.as_ref().iter().for_each(|byte| line.push_str(&format!("{byte:02x}")));
        line.push('\n');
        // Unbuffered, because a test process ends without a goodbye.
        drop(file.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes()));
    }
}

impl Witness {
    fn called() -> Option<Self> {
        let folder = PathBuf::from(std::env::var_os("CLOAKROOM_WITNESS")?);
        let open = |kind: &str| {
            let path = folder.join(format!("{}.{kind}", std::process::id()));
            OpenOptions::new().create(true).append(true).open(path)
        };
        let (secrets, log) = open("secrets").and_then(|secrets| Ok((secrets, open("log")?))).ok()?;
        // Where something else listens already, it prints what it hears, and that is looked at as well.
        drop(tracing::subscriber::set_global_default(log::Log::new(log)));
        Some(Self(Mutex::new(secrets)))
    }
}
