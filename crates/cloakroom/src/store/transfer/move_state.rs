//! How a record shows that its session is being moved.

use serde::{Deserialize, Serialize};

use crate::store::{
    Action, Edit, Expect, Payload, PreviousSecret, PreviousSecretState, Record, StoreError, StoreErrorKind, Verifier,
    Writers,
};
use crate::sync::Arc;
use crate::time::Timestamp;

/// The key of the state in a record of the old store. No `SessionValue` has it: `*` is not allowed
/// there.
const KEY: &str = "*move";

/// The verifier of the previous secret of a record in the new store until its session has moved
/// there. No secret has it but by a chance of 1 in 2^128.
const INCOMPLETE: Verifier = Verifier::from_bytes(*b"*move/incomplete");

/// The state of a move, in the record of the old store.
///
/// The record also has a verifier that belongs to no secret, so no client and no touch can change
/// it, and every cached copy is out of date.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MoveState {
    pub(super) replaced: Replaced,
    /// The verifier of the copy in the new store, once it has been decided that the session
    /// continues there.
    pub(super) decided: Option<Verifier>,
}

/// The fields that the move has replaced in the record. The session gets them back in the new
/// store: its seal and the versions that clients have seen depend on them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replaced {
    pub(super) version: u64,
    pub(super) nonce: u64,
    pub(super) verifier: Verifier,
    pub(super) previous: Option<PreviousSecret>,
}

impl Replaced {
    /// The fields of a record that is not being moved.
    pub(super) const fn of(record: &Record) -> Self {
        Self { version: record.version, nonce: record.nonce, verifier: record.verifier, previous: record.previous }
    }
}

impl MoveState {
    /// The state at the beginning of a move, before anything is decided.
    pub(super) const fn fenced(replaced: Replaced) -> Self {
        Self { replaced, decided: None }
    }

    /// The state in a record of the old store. `None` if its session is not being moved.
    pub(super) fn of(record: &Record) -> Result<Option<Self>, StoreError> {
        let Some(value) = record.values.iter().find(|value| &*value.key == KEY) else { return Ok(None) };
        let state = match &value.payload {
            Payload::Present(json) => serde_json::from_slice::<Document>(json).ok().and_then(Document::read),
            Payload::Sealed(_) | Payload::Absent | Payload::Removed => None,
        };
        let unreadable = || StoreError::new(StoreErrorKind::Corrupt, "the state of the session's move is unreadable");
        state.map(Some).ok_or_else(unreadable)
    }

    /// The edit that writes the state into the record.
    pub(super) fn edit(&self) -> Result<Edit, StoreError> {
        let json =
            serde_json::to_vec(&Document::of(self)).map_err(|error| StoreError::new(StoreErrorKind::Corrupt, error))?;
        let put = Action::Put { payload: Payload::Present(json.into()), fresh_until: None };
        Ok(Edit::new(Arc::from(KEY), Expect::Any, put))
    }
}

/// The record that a session gets in the new store, from its record in the old one, before the
/// session has moved. It opens for nobody and is not listed for its principal.
///
/// Its version is one less than that of the session, so that the commit which completes it is the
/// session's last write once more. `nonce` identifies the copy.
pub(super) fn incomplete(fenced: &Record, replaced: Replaced, verifier: Verifier, nonce: u64) -> Record {
    let mut record = fenced.clone();
    record.version = replaced.version.saturating_sub(1);
    record.nonce = nonce;
    record.verifier = verifier;
    record.previous = Some(PreviousSecret::replaced(INCOMPLETE, fenced.last_seen));
    record.authentication = None;
    record.values.retain(|value| &*value.key != KEY);
    // Without the writes of moves, whose versions the session never had. The last write of the
    // session is known again once it is made again, even if the moves have displaced it.
    let writes = fenced.writers.writes().iter().filter(|write| write.version < replaced.version).copied();
    record.writers = Writers::new(writes.collect(), fenced.writers.known_since().min(record.version));
    record.writers.add(nonce, record.version);
    record
}

impl Record {
    /// The record as it was before the move that has fenced it, for the checks of guards.
    pub(super) fn before_move(&self, replaced: Replaced) -> Self {
        Self { verifier: replaced.verifier, previous: replaced.previous, ..self.clone() }
    }
}

/// Returns `true` if the session of this record of the new store has not moved there.
pub(super) fn is_incomplete(record: &Record) -> bool {
    record.previous.as_ref().is_some_and(|previous| previous.verifier == INCOMPLETE)
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u64,
    nonce: u64,
    verifier: String,
    previous: Option<Previous>,
    decided: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct Previous {
    verifier: String,
    /// One of the two is set.
    replaced_at: Option<u64>,
    accepted_until: Option<u64>,
}

impl Document {
    fn of(state: &MoveState) -> Self {
        let Replaced { version, nonce, .. } = state.replaced;
        let previous = state.replaced.previous.map(|previous| {
            let (replaced_at, accepted_until) = match previous.state {
                PreviousSecretState::Replaced { at } => (Some(at.as_millis()), None),
                PreviousSecretState::Renewed { until } => (None, Some(until.as_millis())),
            };
            Previous { verifier: text(previous.verifier), replaced_at, accepted_until }
        });
        Self { version, nonce, verifier: text(state.replaced.verifier), previous, decided: state.decided.map(text) }
    }

    fn read(self) -> Option<MoveState> {
        let previous = match self.previous {
            None => None,
            Some(previous) => {
                let verifier = verifier(&previous.verifier)?;
                Some(match (previous.replaced_at, previous.accepted_until) {
                    (Some(at), None) => PreviousSecret::replaced(verifier, Timestamp::from_millis(at)),
                    (None, Some(until)) => PreviousSecret::renewed(verifier, Timestamp::from_millis(until)),
                    _ => return None,
                })
            }
        };
        let decided = match self.decided {
            None => None,
            Some(copy) => Some(verifier(&copy)?),
        };
        let (version, nonce) = (self.version, self.nonce);
        Some(MoveState {
            replaced: Replaced { version, nonce, verifier: verifier(&self.verifier)?, previous },
            decided,
        })
    }
}

fn text(verifier: Verifier) -> String {
    format!("{:032x}", u128::from_be_bytes(*verifier.as_bytes()))
}

fn verifier(text: &str) -> Option<Verifier> {
    u128::from_str_radix(text, 16).ok().map(|bits| Verifier::from_bytes(bits.to_be_bytes()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::lifetimes::Lifetimes;

    fn record() -> Record {
        let lifetimes = Lifetimes::new(Timestamp::from_millis(5), Duration::from_secs(60), Timestamp::MAX);
        Record::new(Verifier::from_bytes([7; 16]), lifetimes, u64::MAX)
    }

    /// Writes the state into the record as a store does.
    fn written(mut record: Record, state: &MoveState) -> Record {
        let edit = state.edit().expect("the state can be encoded");
        let Action::Put { payload, .. } = edit.action else { panic!("{edit:?}") };
        record.values.push(crate::store::StoredValue::new(edit.key, record.version, None, payload));
        record
    }

    #[test]
    fn a_state_is_read_as_it_was_written() {
        let old = Verifier::from_bytes([0; 16]);
        let previous = [
            None,
            Some(PreviousSecret::replaced(old, Timestamp::from_millis(u64::MAX))),
            Some(PreviousSecret::renewed(old, Timestamp::from_millis(3))),
        ];
        for (previous, decided) in previous.into_iter().flat_map(|p| [(p, None), (p, Some(old))]) {
            let state = MoveState { replaced: Replaced { previous, ..Replaced::of(&record()) }, decided };
            let read = MoveState::of(&written(record(), &state)).expect("it was written by this library");
            assert_eq!(read, Some(state));
        }
    }

    #[test]
    fn an_unreadable_state_is_an_error_and_no_state_is_none() {
        assert_eq!(MoveState::of(&record()).expect("nothing is wrong"), None);
        for payload in [Payload::Present(b"{}"[..].into()), Payload::Removed, Payload::Sealed(Arc::default())] {
            let mut broken = record();
            broken.values.push(crate::store::StoredValue::new(KEY.into(), 1, None, payload));
            assert_eq!(MoveState::of(&broken).expect_err("it is unreadable").kind(), StoreErrorKind::Corrupt);
        }
    }

    #[test]
    fn an_incomplete_record_keeps_no_write_of_a_move_and_hides_none_of_the_session() {
        let mut before = record();
        before.version = 9;
        before.nonce = 2;
        before.writers = Writers::new(vec![], 0);
        for (nonce, version) in [(1, 4), (2, 9)] {
            before.writers.add(nonce, version);
        }
        let mut fenced = before.clone();
        (fenced.version, fenced.nonce) = (1000, 3);
        fenced.writers.add(3, 1000);
        let mut copy = incomplete(&fenced, Replaced::of(&before), Verifier::from_bytes([1; 16]), 5);
        assert!(is_incomplete(&copy) && !is_incomplete(&before));
        assert_eq!((copy.version, copy.nonce), (8, 5));
        copy.writers.add(before.nonce, before.version);
        let versions: Vec<_> = copy.writers.writes().iter().map(|write| (write.nonce, write.version)).collect();
        assert_eq!(versions, [(2, 9), (5, 8), (1, 4)]);
        assert_eq!(copy.writers.known_since(), 0);
    }
}
