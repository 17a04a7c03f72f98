//! Conversion between the records of the shared tier and the snapshots of the local one.

use crate::cache::{
    CodecError, EntryState, LoginState, Snapshot, StoreMeta, ValueEdit, ValueEntry, ValueKey, ValueRef, ValueState,
    find,
};
use crate::store::{self, Action, Expect, Lease, Payload, Record, StoredValue};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::Fingerprint;

use crate::store::is_within_max_depth;

/// Converts a record into a snapshot. A value that the entry's former state had decoded at the same
/// version stays decoded, if the record continues from that state. Every other value gets the state
/// that `open` returns.
pub(crate) fn snapshot(
    record: Record,
    lease: Lease,
    former: &EntryState,
    mut open: impl FnMut(&StoredValue) -> ValueState,
) -> Snapshot {
    let former = former.last_known();
    let known = former.filter(|former| descends_from(&record, former));
    let known = known.and_then(|snapshot| snapshot.values.entries()).unwrap_or_default();
    let values = record.values.into_iter().map(|value| value_entry(value, known, &mut open)).collect();
    let previous = record.previous.map(|previous| (previous, former_fingerprint(former, previous.verifier)));
    let kept_until = record.lifetimes.store_deadline(record.last_seen);
    let login_state = record.authentication.is_some() || previous.is_some();
    Snapshot {
        version: record.version,
        lifetimes: record.lifetimes,
        verifier: record.verifier,
        fingerprint: former_fingerprint(former, record.verifier),
        login_state: login_state.then(|| {
            let authentication = record.authentication;
            Arc::new(LoginState { authentication, previous, account: None, renewed_from: None })
        }),
        store_meta: Some(Arc::new(StoreMeta {
            lease: lease.number(),
            nonce: record.nonce,
            store_deadline: kept_until,
            writers: record.writers,
        })),
        values,
    }
}

/// Returns `true` if the record continues from the snapshot. If the store has lost writes, the same
/// versions may have other content.
fn descends_from(record: &Record, former: &Snapshot) -> bool {
    former.store_meta.as_ref().is_some_and(|store_meta| match former.version == record.version {
        true => store_meta.nonce == record.nonce,
        false => record.writers.is_ancestor(former.version, store_meta.nonce),
    })
}

/// Returns the fingerprint of a secret that this process has seen before, found by its verifier.
fn former_fingerprint(former: Option<&Snapshot>, verifier: store::Verifier) -> Fingerprint {
    let Some(former) = former else { return Fingerprint::UNKNOWN };
    match former.previous() {
        _ if former.verifier == verifier => former.fingerprint,
        Some((previous, fingerprint)) if previous.verifier == verifier => *fingerprint,
        _ => Fingerprint::UNKNOWN,
    }
}

fn value_entry(
    value: StoredValue,
    known: &[ValueEntry],
    open: &mut impl FnMut(&StoredValue) -> ValueState,
) -> ValueEntry {
    if let Some(value_entry) = find(known, &value.key)
        && value_entry.version == value.version
        && !matches!(value_entry.state(), ValueRef::Unreadable(_))
    {
        return value_entry.clone();
    }
    let state = open(&value);
    let size = match &state {
        ValueState::Encoded(bytes) => bytes.len(),
        _ => value.payload.len(),
    };
    let (size, fresh_until) = (u32::try_from(size).unwrap_or(u32::MAX), value.fresh_until.unwrap_or(Timestamp::MAX));
    ValueEntry::new(ValueKey::Owned(value.key), value.version, fresh_until, size, state)
}

/// Returns the record of a new session.
pub(crate) fn record(snapshot: &Snapshot, nonce: u64) -> Result<Record, CodecError> {
    let mut record = Record::new(snapshot.verifier, snapshot.lifetimes, nonce);
    for value_entry in snapshot.values.entries().unwrap_or_default() {
        let fresh_until = age(value_entry.fresh_until);
        record.values.push(StoredValue::new(
            value_entry.key().to_shared(),
            value_entry.version,
            fresh_until,
            payload(value_entry.state())?,
        ));
    }
    Ok(record)
}

/// Converts an edit for the shared tier.
pub(crate) fn edit(edit: &ValueEdit) -> Result<store::Edit, CodecError> {
    let expect = edit.expect.map_or(Expect::Any, Expect::Version);
    let encoded = edit.encoded.as_ref().map(|bytes| Ok(Payload::Present(Arc::clone(bytes))));
    let action = match encoded.unwrap_or_else(|| payload(edit.state.as_ref()))? {
        Payload::Removed => Action::Remove,
        payload => Action::Put { payload, fresh_until: age(edit.fresh_until) },
    };
    Ok(store::Edit::new(edit.key.to_shared(), expect, action))
}

fn payload(state: ValueRef<'_>) -> Result<Payload, CodecError> {
    Ok(match state {
        ValueRef::Decoded(value) => Payload::Present(check_depth(value.encode()?)?.into()),
        ValueRef::Encoded(bytes) => Payload::Present(Arc::clone(bytes)),
        ValueRef::Absent => Payload::Absent,
        ValueRef::Removed => Payload::Removed,
        ValueRef::Unreadable(why) => return Err(why.into()),
    })
}

/// Returns an error for a value nested so deep that other nodes would refuse to read it.
fn check_depth(json: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    if is_within_max_depth(&json) { Ok(json) } else { Err("nesting exceeds 32 levels".into()) }
}

fn age(fresh_until: Timestamp) -> Option<Timestamp> {
    (fresh_until != Timestamp::MAX).then_some(fresh_until)
}
