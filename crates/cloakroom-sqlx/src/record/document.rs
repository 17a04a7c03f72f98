//! The values of a record as one JSON document, which people can read and query.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloakroom::Timestamp;
use cloakroom::store::{Payload, StoredValue};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::malformed::Malformed;
use super::payload::{json, undecodable};

const INVALID: Malformed = Malformed::Column("document");

/// A value, as the document holds it.
#[derive(Deserialize, Serialize)]
struct Entry<'a> {
    version: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fresh_until: Option<u64>,
    /// The payload, if it is JSON.
    #[serde(borrow, default, deserialize_with = "even_null", skip_serializing_if = "Option::is_none")]
    json: Option<&'a RawValue>,
    /// The payload, if it is not JSON.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    bytes: Option<Cow<'a, str>>,
    /// The payload, if it is encrypted.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    sealed: Option<Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    absent: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    removed: bool,
}

/// `null` is a value like any other.
fn even_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Encodes the values of a record.
pub(crate) fn encode(values: &[StoredValue]) -> String {
    let entries: BTreeMap<&str, Entry<'_>> = values.iter().map(|value| (&*value.key, entry(value))).collect();
    // A map of texts to numbers, texts and JSON has an encoding.
    serde_json::to_string(&entries).unwrap_or_default()
}

fn entry(value: &StoredValue) -> Entry<'_> {
    let mut entry = Entry {
        version: value.version,
        fresh_until: value.fresh_until.map(Timestamp::as_millis),
        json: None,
        bytes: None,
        sealed: None,
        absent: false,
        removed: false,
    };
    match &value.payload {
        Payload::Present(bytes) => match json(bytes) {
            Some(json) => entry.json = Some(json),
            None => entry.bytes = Some(STANDARD.encode(bytes).into()),
        },
        Payload::Sealed(bytes) => entry.sealed = Some(STANDARD.encode(bytes).into()),
        Payload::Absent => entry.absent = true,
        Payload::Removed => entry.removed = true,
    }
    entry
}

/// Decodes the values of a record.
pub(crate) fn decode(document: &str) -> Result<Vec<StoredValue>, Malformed> {
    let entries: BTreeMap<String, Entry<'_>> = serde_json::from_str(document).map_err(|_| INVALID)?;
    Ok(entries.into_iter().map(|(key, entry)| entry.into_value(key.into())).collect())
}

impl Entry<'_> {
    fn into_value(self, key: Arc<str>) -> StoredValue {
        let payload = match (self.json, self.bytes, self.sealed) {
            _ if self.removed => Payload::Removed,
            _ if self.absent => Payload::Absent,
            (Some(json), None, None) => Payload::Present(json.get().as_bytes().into()),
            (None, Some(text), None) => present(STANDARD.decode(&*text).ok()),
            (None, None, Some(text)) => match STANDARD.decode(&*text) {
                Ok(bytes) => Payload::Sealed(bytes.into()),
                Err(_) => present(None),
            },
            _ => present(None),
        };
        StoredValue::new(key, self.version, self.fresh_until.map(Timestamp::from_millis), payload)
    }
}

/// A payload that is not JSON.
fn present(bytes: Option<Vec<u8>>) -> Payload {
    bytes.map_or_else(undecodable, |bytes| Payload::Present(bytes.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(key: &str, payload: Payload) -> StoredValue {
        StoredValue::new(key.into(), 7, None, payload)
    }

    fn present(text: &str) -> Payload {
        Payload::Present(text.as_bytes().into())
    }

    #[test]
    fn a_document_reads_like_the_values_in_it() {
        let values = [
            value("cart", present(r#"{"items":[1, 2]}"#)),
            StoredValue::new("roles".into(), 5, Some(Timestamp::from_millis(9)), Payload::Absent),
            value("draft", Payload::Removed),
            value("address", Payload::Sealed([1, 2, 3].into())),
        ];
        assert_eq!(
            encode(&values),
            r#"{"address":{"version":7,"sealed":"AQID"},"cart":{"version":7,"json":{"items":[1, 2]}},"draft":{"version":7,"removed":true},"roles":{"version":5,"fresh_until":9,"absent":true}}"#
        );
    }

    #[test]
    fn every_value_is_read_as_it_was_written() -> Result<(), Malformed> {
        let payloads = [
            present("null"),
            present("{}"),
            present(" {}"),
            present("1e400"),
            present(r#""\u0000 '; DROP TABLE cloakroom_sessions; --""#),
            present("{\"a\":1,\"a\":2}"),
            present(""),
            present("{"),
            present("\0"),
            present(&"[".repeat(1000)),
            present(&["[".repeat(1000), "]".repeat(1000)].concat()),
            Payload::Present([0xFF, 0xFE].into()),
            Payload::Sealed(Arc::default()),
            Payload::Absent,
            Payload::Removed,
        ];
        for (place, payload) in payloads.into_iter().enumerate() {
            for fresh_until in [None, Some(Timestamp::MAX)] {
                let values =
                    vec![StoredValue::new("\"'\0\u{1f98a}".into(), place as u64, fresh_until, payload.clone())];
                assert_eq!(decode(&encode(&values))?, values, "payload {place}");
            }
        }
        Ok(())
    }

    #[test]
    fn a_value_that_cannot_be_decoded_affects_no_other() -> Result<(), Malformed> {
        for broken in [
            r#"{"version":3}"#,
            r#"{"version":3,"sealed":"%"}"#,
            r#"{"version":3,"bytes":"%"}"#,
            r#"{"version":3,"compressed":"xyz"}"#,
            r#"{"version":3,"json":1,"sealed":"AQID"}"#,
        ] {
            let values = decode(&format!(r#"{{"cart":{{"version":1,"json":2}},"odd":{broken}}}"#))?;
            assert_eq!(values[0], StoredValue::new("cart".into(), 1, None, present("2")));
            assert_eq!(values[1], StoredValue::new("odd".into(), 3, None, present("\0")), "{broken}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for bad in ["", "[]", "{", r#"{"cart":1}"#, r#"{"cart":{"version":-1}}"#, r#"{"cart":{}}"#] {
            assert_eq!(decode(bad), Err(INVALID), "{bad}");
        }
    }
}
