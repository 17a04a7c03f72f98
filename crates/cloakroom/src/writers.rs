//! The last writes of a record by process, to distinguish a repeated write from a new one.

use std::sync::Arc;

/// The number of processes whose last write a record remembers.
pub const REMEMBERED_WRITERS: usize = 8;

/// The last write that one process made to a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastWrite {
    /// The nonce of the write. Its lower 32 bits identify the process, the upper ones the write.
    pub nonce: u64,
    /// The version that the write gave the record.
    pub version: u64,
}

impl LastWrite {
    /// The write `nonce`, which made the record's `version`.
    #[must_use]
    pub const fn new(nonce: u64, version: u64) -> Self {
        Self { nonce, version }
    }
}

/// The result of [`Writers::trace`]: whether a record contains a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trace {
    /// The commit is in the record.
    Applied,
    /// The commit is not in the record.
    NotApplied,
    /// The record cannot determine it: the process of the commit has written since, or too many
    /// others have.
    Unknown,
}

/// The last write of each process that wrote a record recently.
///
/// A process has at most one write per session in progress, so only its last write has to be
/// remembered, however many writes other processes make meanwhile. A write that is no longer
/// remembered is never reported as not applied: `known_since` is the version up to which writes may
/// be missing here.
#[derive(Clone, PartialEq, Eq)]
pub struct Writers {
    known_since: u64,
    /// Newest first, one per process.
    writes: Arc<[LastWrite]>,
}

impl Writers {
    /// The writers of a new record, which has version 1.
    #[must_use]
    pub fn of_creation(nonce: u64) -> Self {
        Self { known_since: 0, writes: Arc::from([LastWrite::new(nonce, 1)]) }
    }

    /// The writers as a store kept them: newest first, one per process.
    ///
    /// Writes up to the version `known_since` may be missing.
    #[must_use]
    pub fn new(writes: Vec<LastWrite>, known_since: u64) -> Self {
        Self { known_since, writes: writes.into() }
    }

    /// The last write of each process, newest first.
    #[must_use]
    pub fn writes(&self) -> &[LastWrite] {
        &self.writes
    }

    /// The version up to which writes may be missing.
    #[must_use]
    pub const fn known_since(&self) -> u64 {
        self.known_since
    }

    /// Returns whether the record contains the commit `nonce`, whose process knew the record at
    /// version `base`.
    #[must_use]
    pub fn trace(&self, nonce: u64, base: u64) -> Trace {
        if self.writes.iter().any(|write| write.nonce == nonce) {
            return Trace::Applied;
        }
        let overtaken = |write: &LastWrite| process(write.nonce) == process(nonce) && write.version > base;
        if self.known_since > base || self.writes.iter().any(overtaken) {
            return Trace::Unknown;
        }
        Trace::NotApplied
    }

    /// Adds the write `nonce`, which made `version`, in place of the last one of its process.
    pub fn add(&mut self, nonce: u64, version: u64) {
        let mut others = self.writes.iter().filter(|write| process(write.nonce) != process(nonce));
        // Collected in place, because every commit does this twice, and an `Arc` needs the length.
        let mut writes = [LastWrite::new(nonce, version); REMEMBERED_WRITERS];
        let mut length = 1;
        for (place, write) in writes[1..].iter_mut().zip(others.by_ref()) {
            *place = *write;
            length += 1;
        }
        // The newest of the writes that are dropped.
        if let Some(forgotten) = others.next() {
            self.known_since = self.known_since.max(forgotten.version);
        }
        self.writes = Arc::from(&writes[..length]);
    }

    /// Returns `true` if the store has certainly lost the write that made `version`, which a client
    /// has seen.
    ///
    /// `process` is the lower half of the number that identifies its process.
    pub(crate) fn is_missing(&self, version: u64, process: u16) -> bool {
        // The step of a write reveals its base version, so the record never had a version in
        // between.
        let skipped = |write: &LastWrite| {
            write.version > version && write.version.saturating_sub(version_step(write.nonce)) < version
        };
        let continued = |write: &LastWrite| write.version >= version && write.nonce as u16 == process;
        version > self.known_since && (self.writes.iter().any(skipped) || !self.writes.iter().any(continued))
    }

    /// Returns `true` if a copy of the record at `version`, written by `nonce`, is an earlier state
    /// of it.
    pub(crate) fn is_ancestor(&self, version: u64, nonce: u64) -> bool {
        let continued = |write: &LastWrite| match write.version == version {
            true => write.nonce == nonce,
            false => write.version > version && process(write.nonce) == process(nonce),
        };
        self.writes.iter().any(continued)
    }

    /// The heap memory of this value, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        16 + size_of_val(&*self.writes) as u64
    }
}

impl std::fmt::Debug for Writers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writers({} since {})", self.writes.len(), self.known_since)
    }
}

/// The amount by which a write of this library raises the version of a record.
///
/// It is a number up to 2^24 that varies pseudorandomly from write to write, so that a write that
/// replaces a lost one hardly ever gets its version. Versions have 53 bits, which is enough for a
/// billion writes.
pub(crate) const fn version_step(nonce: u64) -> u64 {
    1 + ((nonce & VERSION_STEP) >> 32)
}

/// The bits of a nonce that determine [`version_step`]; without them the step is 1.
pub(crate) const VERSION_STEP: u64 = 0xFF_FFFF << 32;

const fn process(nonce: u64) -> u32 {
    nonce as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINE: u64 = 7;

    fn nonce(process: u64, write: u64) -> u64 {
        write << 32 | process
    }

    #[test]
    fn a_write_is_found_however_many_writes_seven_other_processes_made_since() {
        let mut writers = Writers::of_creation(nonce(99, 1));
        writers.add(nonce(MINE, 1), 10);
        for write in 0..1000 {
            writers.add(nonce(100 + write % 7, write), 11 + write);
            assert_eq!(writers.trace(nonce(MINE, 1), 1), Trace::Applied, "after {write} others");
            assert_eq!(writers.trace(nonce(MINE, 2), 10), Trace::NotApplied, "after {write} others");
        }
        assert!(writers.writes().len() <= REMEMBERED_WRITERS);
    }

    #[test]
    fn what_was_forgotten_is_unknown_and_not_undone() {
        let mut writers = Writers::of_creation(nonce(99, 1));
        writers.add(nonce(MINE, 1), 10);
        (0..8).for_each(|other| writers.add(nonce(100 + other, 1), 11 + other));
        assert_eq!(writers.trace(nonce(MINE, 1), 1), Trace::Unknown);
        assert_eq!(
            writers.trace(nonce(MINE, 2), 10),
            Trace::NotApplied,
            "from a base that is newer than everything forgotten"
        );
    }

    #[test]
    fn a_write_whose_process_wrote_again_is_unknown() {
        let mut writers = Writers::of_creation(nonce(99, 1));
        writers.add(nonce(MINE, 2), 10);
        assert_eq!(writers.trace(nonce(MINE, 1), 1), Trace::Unknown);
    }

    #[test]
    fn a_version_of_another_lineage_is_noticed_however_many_writes_followed() {
        let mut writers = Writers::of_creation(nonce(99, 1));
        writers.add(nonce(MINE, 9), 11);
        // The write of this process at version 20 was lost; others continued.
        let mut version = 11;
        for write in 0..100 {
            version += version_step(nonce(100, write));
            writers.add(nonce(100, write), version);
        }
        assert!(writers.is_missing(20, MINE as u16));
        assert!(!writers.is_missing(11, MINE as u16) && !writers.is_missing(50, 100));
        assert!(writers.is_ancestor(11, nonce(MINE, 9)) && !writers.is_ancestor(11, nonce(MINE, 2)));
        assert!(!writers.is_ancestor(20, nonce(MINE, 2)));
    }

    #[test]
    fn a_lost_version_is_noticed_though_its_process_has_written_again() {
        let mut writers = Writers::of_creation(nonce(99, 1));
        let lost = 1 + version_step(nonce(MINE, 5));
        let present = 1 + version_step(nonce(MINE, 90));
        writers.add(nonce(MINE, 90), present);
        assert!(writers.is_missing(lost, MINE as u16));
        assert!(!writers.is_missing(present, MINE as u16));
    }
}
