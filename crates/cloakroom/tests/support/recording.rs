//! A random source that records what it returns, for `scripts/test secrets`.

#![allow(dead_code, reason = "several test binaries share this file, and some use only parts of it")]

use cloakroom::{OsRandom, RandomError, RandomSource, Sessions, SessionsBuilder};
use cloakroom_secret_scan::record;

/// Records every output of `R`, so that the secret scan searches for it in everything that the
/// tests print.
#[derive(Debug)]
pub(crate) struct Recording<R>(pub(crate) R);

impl<R: RandomSource> RandomSource for Recording<R> {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        self.0.fill(buffer)?;
        record("random", &*buffer);
        Ok(())
    }
}

/// [`Sessions::builder`] with a random source that records.
pub(crate) fn recorded() -> SessionsBuilder {
    Sessions::builder().random(Recording(OsRandom))
}

/// [`Sessions::in_memory`] with a random source that records.
pub(crate) fn recorded_in_memory() -> Sessions {
    recorded().build().expect("the default settings work")
}
