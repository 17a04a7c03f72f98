//! Between a record of the shared tier and a snapshot of the local one.

use std::time::Duration;

use crate::cache::{CodecError, Edit, Entry, Fingerprint, Key, Origin, Slot, Snapshot, Standing, State, Values, find};
use crate::store::{self, Action, Expect, Lease, Lifetimes, Payload, Record, StoredValue};
use crate::sync::Arc;
use crate::time::{Timestamp, whole_millis};

use super::depth::is_shallow;

/// The snapshot of a record. What the former state of the cell had decoded at the same version stays decoded if the
/// record went on from that state; everything else comes into the slot that `open` puts it in.
pub(crate) fn snapshot(
    record: Record,
    lease: Lease,
    former: &State,
    mut open: impl FnMut(&StoredValue) -> Slot,
) -> Snapshot {
    let former = former.last_known();
    let known = former.filter(|former| descends_from(&record, former));
    let known = known.and_then(|snapshot| snapshot.values.entries()).unwrap_or_default();
    let values: Box<[Entry]> = record.values.into_iter().map(|value| entry(value, known, &mut open)).collect();
    let previous = record.previous.map(|previous| (previous, former_fingerprint(former, previous.verifier)));
    let persistent = record.lifetimes.persistent;
    let kept_until = record.lifetimes.kept_until(record.last_seen);
    let standing = record.authentication.is_some() || previous.is_some() || persistent;
    Snapshot {
        version: record.version,
        created_at: record.lifetimes.created_at,
        idle: whole_millis(record.lifetimes.idle),
        absolute: record.lifetimes.absolute,
        verifier: record.verifier,
        fingerprint: former_fingerprint(former, record.verifier),
        standing: standing.then(|| {
            let authentication = record.authentication;
            Arc::new(Standing { authentication, previous, persistent, account: None, renewed_from: None })
        }),
        origin: Some(Box::new(Origin {
            lease: lease.number(),
            nonce: record.nonce,
            kept_until,
            writers: record.writers,
        })),
        values: Values::Live(values),
    }
}

/// Whether the record went on from the snapshot. Where the store has lost something, its versions may name other content.
fn descends_from(record: &Record, former: &Snapshot) -> bool {
    former.origin.as_ref().is_some_and(|origin| match former.version == record.version {
        true => origin.nonce == record.nonce,
        false => record.writers.descend_from(former.version, origin.nonce),
    })
}

/// The fingerprint of a secret that this process saw before, known by what a store keeps of it.
fn former_fingerprint(former: Option<&Snapshot>, verifier: store::Verifier) -> Fingerprint {
    let Some(former) = former else { return Fingerprint::UNKNOWN };
    match former.previous() {
        _ if former.verifier == verifier => former.fingerprint,
        Some((previous, fingerprint)) if previous.verifier == verifier => *fingerprint,
        _ => Fingerprint::UNKNOWN,
    }
}

fn entry(value: StoredValue, known: &[Entry], open: &mut impl FnMut(&StoredValue) -> Slot) -> Entry {
    if let Some(entry) = find(known, &value.key)
        && entry.version == value.version
        && !matches!(entry.slot, Slot::Closed(_))
    {
        return entry.clone();
    }
    let slot = open(&value);
    let size = match &slot {
        Slot::Encoded(bytes) => bytes.len(),
        _ => value.payload.len(),
    };
    Entry {
        version: value.version,
        fresh_until: value.fresh_until.unwrap_or(Timestamp::MAX),
        size: u32::try_from(size).unwrap_or(u32::MAX),
        slot,
        key: Key::Owned(value.key),
    }
}

/// The record that a new session starts with in the shared tier.
pub(crate) fn record(snapshot: &Snapshot, nonce: u64) -> Result<Record, CodecError> {
    let idle = Duration::from_millis(snapshot.idle);
    let lifetimes = Lifetimes::new(snapshot.created_at, idle, snapshot.absolute);
    let mut record = Record::new(snapshot.verifier, lifetimes, nonce);
    for entry in snapshot.values.entries().unwrap_or_default() {
        let fresh_until = age(entry.fresh_until);
        record.values.push(StoredValue::new(entry.key.to_shared(), entry.version, fresh_until, payload(&entry.slot)?));
    }
    Ok(record)
}

/// An edit in the words of the shared tier.
pub(crate) fn edit(edit: &Edit) -> Result<store::Edit, CodecError> {
    let expect = edit.expect.map_or(Expect::Any, Expect::Version);
    let encoded = edit.encoded.as_ref().map(|bytes| Ok(Payload::Present(Arc::clone(bytes))));
    let action = match encoded.unwrap_or_else(|| payload(&edit.slot))? {
        Payload::Removed => Action::Remove,
        payload => Action::Put { payload, fresh_until: age(edit.fresh_until) },
    };
    Ok(store::Edit::new(edit.key.to_shared(), expect, action))
}

fn payload(slot: &Slot) -> Result<Payload, CodecError> {
    Ok(match slot {
        Slot::Decoded(value) => Payload::Present(shallow(value.encode()?)?.into()),
        Slot::Encoded(bytes) => Payload::Present(Arc::clone(bytes)),
        Slot::Absent => Payload::Absent,
        Slot::Removed => Payload::Removed,
        Slot::Closed(why) => return Err((*why).into()),
    })
}

/// What other nodes would refuse to read is not written.
fn shallow(json: Vec<u8>) -> Result<Vec<u8>, CodecError> {
    if is_shallow(&json) {
        Ok(json)
    } else {
        Err("it is nested more than 32 deep, which no node reads from a store".into())
    }
}

fn age(fresh_until: Timestamp) -> Option<Timestamp> {
    (fresh_until != Timestamp::MAX).then_some(fresh_until)
}
