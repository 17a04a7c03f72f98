//! Payloads as texts, where they are JSON.

use cloakroom::store::Payload;
use serde_json::value::RawValue;

/// Returns the bytes as JSON, if a text keeps them unchanged.
pub(crate) fn json(bytes: &[u8]) -> Option<&RawValue> {
    // Space around the JSON would be lost.
    serde_json::from_slice::<&RawValue>(bytes).ok().filter(|json| json.get().len() == bytes.len())
}

/// The payload of a value that cannot be decoded: a byte that decodes to no type. The reader of the
/// value gets an error, and nothing else in the session is affected.
pub(crate) fn undecodable() -> Payload {
    Payload::Present([0].into())
}
