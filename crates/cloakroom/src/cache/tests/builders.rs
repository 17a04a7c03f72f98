//! Builders of selectors, secrets, values and snapshots for the tests of the local tier.

use std::time::Duration;

use crate::cache::entry::{Entry, EntryState};
use crate::cache::snapshot::{LoginState, Snapshot};
use crate::cache::value::{ValueEntry, ValueKey, ValueState};
use crate::lifetimes::Lifetimes;
use crate::random::{RandomError, RandomSource};
use crate::sync::Arc;
use crate::time::Timestamp;
use crate::token::{Authentication, Principal, Secret, Selector, Verifier, VerifierHasher};
use crate::token::{Fingerprint, FingerprintKey};

pub(super) const IDLE: u64 = 600;
pub(super) const ABSOLUTE: u64 = 86_400;

/// Returns an instant, in seconds after the creation of the sessions built here.
pub(crate) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).after(Duration::from_secs(seconds))
}

pub(crate) fn selector(number: u64) -> Selector {
    in_shard(number, number)
}

/// Returns a selector in the given shard of the table.
pub(super) fn in_shard(shard: u64, number: u64) -> Selector {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&(number as u32).to_le_bytes());
    bytes[4..8].copy_from_slice(&(shard as u32).to_le_bytes());
    Selector::from_bytes(bytes)
}

#[derive(Debug)]
struct Fixed;

impl RandomSource for Fixed {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        buffer.fill(7);
        Ok(())
    }
}

pub(super) fn key() -> FingerprintKey {
    FingerprintKey::generate(&Fixed).expect("the random source never fails")
}

pub(crate) fn secret(number: u8) -> Secret {
    Secret::from_bytes([number; 16])
}

pub(crate) fn fingerprint(number: u8) -> Fingerprint {
    key().fingerprint(&secret(number))
}

pub(crate) fn verifier(number: u8) -> Verifier {
    VerifierHasher::new("").hash(&selector(1), &secret(number))
}

/// An anonymous session with secret 1, as it is created.
pub(crate) fn session(entries: impl IntoIterator<Item = ValueEntry>) -> Snapshot {
    Snapshot {
        version: 1,
        lifetimes: Lifetimes::new(at(0), Duration::from_secs(IDLE), at(ABSOLUTE)),
        verifier: verifier(1),
        fingerprint: fingerprint(1),
        login_state: None,
        store_meta: None,
        values: entries.into_iter().collect(),
    }
}

/// A logged-in session with secret 1.
pub(super) fn logged_in(entries: impl IntoIterator<Item = ValueEntry>) -> Snapshot {
    let authentication = Some(Authentication::new(Principal::new("user"), at(0), None));
    let login_state = LoginState { authentication, ..LoginState::default() };
    Snapshot { login_state: Some(Arc::new(login_state)), ..session(entries) }
}

pub(super) fn text(key: &'static str, version: u64, text: &str) -> ValueEntry {
    let slot = ValueState::Encoded(Arc::from(text.as_bytes()));
    ValueEntry::new(ValueKey::Static(key), version, Timestamp::MAX, text.len() as u32, slot)
}

pub(super) fn bulk(size: usize) -> ValueEntry {
    text("bulk", 1, &"x".repeat(size))
}

/// The comparable parts of a value entry: key, version, freshness, size and content.
pub(in crate::cache) type Shape = (String, u64, Timestamp, u32, String);

pub(in crate::cache) fn shapes(entries: &[ValueEntry]) -> Vec<Shape> {
    entries.iter().map(shape).collect()
}

fn shape(value_entry: &ValueEntry) -> Shape {
    let content = format!("{:?}", value_entry.state());
    (value_entry.name().to_owned(), value_entry.version, value_entry.fresh_until, value_entry.size, content)
}

/// Replaces the state of an entry by the result of `next`, and returns the state before.
pub(crate) fn change_state(entry: &Entry, next: impl FnOnce(&EntryState) -> Option<EntryState>) -> Option<EntryState> {
    entry.transition(next, |_, _| {})
}
