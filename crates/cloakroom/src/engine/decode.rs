//! Records of the shared tier become snapshots of the local tier.

use crate::cache::{EntryState, Snapshot, ValueState};
use crate::crypto::{OVERHEAD, OpenError};
use crate::engine::{Engine, convert};
use crate::error::{SessionError, SessionErrorKind};
use crate::store::{Lease, Payload, Record, StoredValue};
use crate::sync::Arc;
use crate::token::Selector;

/// Decryption of data from the store, which is hostile until it is verified.
impl Engine {
    /// Converts a record from the shared tier into a snapshot, if a node of this application can
    /// have written it.
    pub(super) fn decode(
        &self,
        selector: &Selector,
        mut record: Record,
        lease: Lease,
        former: &EntryState,
    ) -> Result<Snapshot, SessionError> {
        let bytes: usize = record.values.iter().map(|value| value.payload.len().saturating_sub(OVERHEAD)).sum();
        if bytes > self.policy.session_limits.bytes {
            return Err(too_large());
        }
        if let Some(sealing) = &self.cipher {
            let sealed =
                sealing.unseal(selector, &mut record).inspect_err(|why| self.telemetry.unopened(*why, selector))?;
            if !sealed {
                self.telemetry.unsealed();
            }
        }
        let mut snapshot = convert::snapshot(record, lease, former, |value| self.slot(selector, value));
        if let Some(former) = former.last_known() {
            snapshot.continue_lineage(former);
        }
        self.cache.check(&snapshot).map_err(|_| too_large())?;
        Ok(snapshot)
    }

    fn slot(&self, selector: &Selector, value: &StoredValue) -> ValueState {
        let slot = match (&value.payload, &self.cipher) {
            (Payload::Absent, _) => return ValueState::Absent,
            (Payload::Removed, _) => return ValueState::Removed,
            (Payload::Sealed(envelope), Some(sealing)) => sealing.open(selector, value, envelope),
            (Payload::Sealed(_), None) => Err(OpenError::NoKeys),
            (Payload::Present(_), Some(sealing)) if !sealing.is_lenient() => Err(OpenError::Unsealed),
            (Payload::Present(plain), _) => Ok(ValueState::Encoded(Arc::clone(plain))),
        };
        slot.unwrap_or_else(|why| {
            self.telemetry.unopened(why, selector);
            ValueState::Unreadable(why)
        })
    }
}

/// Returns the error for an oversized record. No node wrote it, and accepting it would let the
/// store decide how much memory this process uses.
fn too_large() -> SessionError {
    SessionError::with_source(SessionErrorKind::Decode, "the record exceeds the session limits")
}
