use cloakroom::store::{Authentication, Payload, Record};

use super::MemoryStore;

impl MemoryStore {
    /// The whole content of the store as bytes, for a test that searches it for what must not be
    /// there.
    ///
    /// Texts, selectors, verifiers and payloads appear verbatim; numbers in big-endian order. The
    /// format is not meant to be parsed.
    #[must_use]
    pub fn dump(&self) -> Vec<u8> {
        let records = self.shared.records.lock();
        let mut bytes = Vec::new();
        for (selector, record) in records.all() {
            bytes.extend_from_slice(selector.as_bytes());
            write_record(&mut bytes, record);
        }
        for (principal, selectors) in records.index.all() {
            bytes.extend_from_slice(principal.as_str().as_bytes());
            selectors.for_each(|selector| bytes.extend_from_slice(selector.as_bytes()));
        }
        bytes
    }
}

fn write_record(bytes: &mut Vec<u8>, record: &Record) {
    let Record { version, nonce, verifier, previous, lifetimes, last_seen, authentication, values, writers, .. } =
        record;
    write_number(bytes, *version);
    write_number(bytes, *nonce);
    write_number(bytes, writers.known_since());
    for write in writers.writes() {
        write_number(bytes, write.nonce);
        write_number(bytes, write.version);
    }
    bytes.extend_from_slice(verifier.as_bytes());
    if let Some(previous) = previous {
        bytes.extend_from_slice(previous.verifier.as_bytes());
        bytes.push(u8::from(previous.accepted_until().is_some()));
        write_number(bytes, previous.dead_since().as_millis());
    }
    write_number(bytes, lifetimes.created_at().as_millis());
    write_number(bytes, lifetimes.absolute_deadline().as_millis());
    bytes.extend_from_slice(&lifetimes.idle_timeout().as_millis().to_be_bytes());
    bytes.push(u8::from(lifetimes.is_persistent()));
    write_number(bytes, last_seen.as_millis());
    if let Some(Authentication { principal, at, label, .. }) = authentication {
        bytes.extend_from_slice(principal.as_str().as_bytes());
        write_number(bytes, at.as_millis());
        bytes.extend_from_slice(label.as_deref().unwrap_or_default().as_bytes());
    }
    for value in values {
        bytes.extend_from_slice(value.key.as_bytes());
        write_number(bytes, value.version);
        write_number(bytes, value.fresh_until.unwrap_or_default().as_millis());
        if let Payload::Present(payload) | Payload::Sealed(payload) = &value.payload {
            bytes.extend_from_slice(payload);
        }
    }
}

fn write_number(bytes: &mut Vec<u8>, number: u64) {
    bytes.extend_from_slice(&number.to_be_bytes());
}
