//! Sessions to test with.

use std::time::Duration;

use crate::cache::entry::{Entry, Key, Slot};
use crate::cache::fingerprint::{Fingerprint, FingerprintKey};
use crate::cache::snapshot::{Snapshot, Standing};
use crate::cache::values::Values;
use crate::identity::{Authentication, Principal, Secret, Tag, Verifier, Verifiers};
use crate::random::{RandomError, RandomSource};
use crate::sync::Arc;
use crate::time::Timestamp;

pub(super) const IDLE: u64 = 600;
pub(super) const ABSOLUTE: u64 = 86_400;

/// An instant, in seconds after the creation of the sessions here.
pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp::from_millis(1_800_000_000_000).after(Duration::from_secs(seconds))
}

pub(super) fn tag(number: u64) -> Tag {
    in_shard(number, number)
}

/// Tags with the same `shard` meet in one shard of the table.
pub(super) fn in_shard(shard: u64, number: u64) -> Tag {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&(number as u32).to_le_bytes());
    bytes[4..8].copy_from_slice(&(shard as u32).to_le_bytes());
    Tag::from_bytes(bytes)
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
    FingerprintKey::generate(&Fixed).expect("never fails")
}

pub(super) fn secret(number: u8) -> Secret {
    Secret::from_bytes([number; 16])
}

pub(super) fn fingerprint(number: u8) -> Fingerprint {
    key().fingerprint(&secret(number))
}

pub(super) fn verifier(number: u8) -> Verifier {
    Verifiers::new("").of(&tag(1), &secret(number))
}

/// An anonymous session with secret 1, as it is created.
pub(super) fn session(entries: impl IntoIterator<Item = Entry>) -> Snapshot {
    Snapshot {
        version: 1,
        created_at: at(0),
        idle: IDLE * 1000,
        absolute: at(ABSOLUTE),
        verifier: verifier(1),
        fingerprint: fingerprint(1),
        standing: None,
        origin: None,
        values: Values::Live(entries.into_iter().collect()),
    }
}

/// The same, logged in.
pub(super) fn logged_in(entries: impl IntoIterator<Item = Entry>) -> Snapshot {
    let authentication = Some(Authentication::new(Principal::new("user"), at(0), None));
    let standing = Standing { authentication, ..Standing::default() };
    Snapshot { standing: Some(Arc::new(standing)), ..session(entries) }
}

pub(super) fn text(key: &'static str, version: u64, text: &str) -> Entry {
    let slot = Slot::Encoded(Arc::from(text.as_bytes()));
    Entry { key: Key::Static(key), version, fresh_until: Timestamp::MAX, size: text.len() as u32, slot }
}

pub(super) fn bulk(size: usize) -> Entry {
    text("bulk", 1, &"x".repeat(size))
}

/// What can be compared of an entry: key, version, freshness, size and content.
pub(in crate::cache) type Shape = (String, u64, Timestamp, u32, String);

pub(in crate::cache) fn shapes(entries: &[Entry]) -> Vec<Shape> {
    entries.iter().map(shape).collect()
}

fn shape(entry: &Entry) -> Shape {
    let content = match &entry.slot {
        Slot::Decoded(value) => format!("decoded {:?}", value.downcast::<String>()),
        Slot::Encoded(bytes) => format!("encoded {bytes:?}"),
        Slot::Absent => "absent".to_owned(),
        Slot::Removed => "removed".to_owned(),
        Slot::Closed(why) => format!("closed {why:?}"),
    };
    (entry.key.as_str().to_owned(), entry.version, entry.fresh_until, entry.size, content)
}
