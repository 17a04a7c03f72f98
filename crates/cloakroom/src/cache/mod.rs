//! The local tier: the live sessions of this process.
//!
//! [`Tier`](tier::Tier) is a table of cells with a byte budget and a timer wheel. It knows neither
//! stores nor types of values nor HTTP.

mod budget;
mod cell;
mod change;
mod entry;
mod erased;
mod evict;
mod fingerprint;
mod limits;
mod packed;
mod side;
mod snapshot;
mod table;
mod tier;
mod values;
mod visit;
mod wheel;

pub(crate) use cell::{Cell, State};
pub(crate) use change::{Change, Edit, Guard, Login, Rotation};
pub(crate) use entry::{Entry, Key, Slot};
pub(crate) use erased::{Codec, CodecError, Erased};
pub(crate) use fingerprint::{Fingerprint, FingerprintKey};
pub(crate) use limits::{Limits, TooLarge};
pub(crate) use side::{Base, Flight, Landing, LoadFailure};
pub(crate) use snapshot::{Lineage, Origin, Proof, Snapshot, Standing, Term};
pub(crate) use tier::{Holding, Observer, Refused, Setup, Tier};
pub(crate) use values::{Values, find};

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EndReason {
    /// Its holder logged out, or the application destroyed it.
    Logout,
    /// No request was seen for the idle timeout.
    Idle,
    /// Its absolute lifetime was over.
    Absolute,
    /// It was revoked from outside: by handle, with all of its principal, or as one of "the others".
    Revoked,
    /// Its principal logged in once too often, and it was the oldest.
    Displaced,
    /// Memory was full and nobody was logged in to it.
    Evicted,
    /// A dead token was shown and [`ReusePolicy::End`](crate::ReusePolicy::End) is in force.
    Reused,
    /// The shared tier no longer has it; another node knows why.
    Gone,
    /// No response carried its token to the client, because the handler panicked or the request was cancelled, so that
    /// nobody could have used it.
    Undelivered,
}

#[cfg(test)]
mod tests;
