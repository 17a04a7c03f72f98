//! JSON objects in which no member occurs twice.
//!
//! Of two members with one name, some parsers use the first and some the last, so the signer of
//! such a token could present different content to different services (RFC 8725 §2.4, RFC 7515 §4).

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::JwtError;

/// Parses a text that is one object, and returns its members.
pub(super) fn members(text: &[u8]) -> Result<Map<String, Value>, JwtError> {
    // In a pass of its own, so that numbers are parsed by `serde_json` itself, whatever its enabled
    // features.
    serde_json::from_slice::<RejectDuplicates>(text).map_err(|_| JwtError::Malformed)?;
    serde_json::from_slice(text).map_err(|_| JwtError::Malformed)
}

/// Any JSON value, which is discarded.
struct RejectDuplicates;

impl<'de> Deserialize<'de> for RejectDuplicates {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DuplicateVisitor)
    }
}

struct DuplicateVisitor;

impl<'de> Visitor<'de> for DuplicateVisitor {
    type Value = RejectDuplicates;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON without duplicate members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RejectDuplicates, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("duplicate member"));
            }
            members.next_value::<RejectDuplicates>()?;
        }
        Ok(RejectDuplicates)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<RejectDuplicates, A::Error> {
        while elements.next_element::<RejectDuplicates>()?.is_some() {}
        Ok(RejectDuplicates)
    }

    fn visit_bool<E>(self, _: bool) -> Result<RejectDuplicates, E> {
        Ok(RejectDuplicates)
    }

    fn visit_i64<E>(self, _: i64) -> Result<RejectDuplicates, E> {
        Ok(RejectDuplicates)
    }

    fn visit_u64<E>(self, _: u64) -> Result<RejectDuplicates, E> {
        Ok(RejectDuplicates)
    }

    fn visit_f64<E>(self, _: f64) -> Result<RejectDuplicates, E> {
        Ok(RejectDuplicates)
    }

    fn visit_str<E>(self, _: &str) -> Result<RejectDuplicates, E> {
        Ok(RejectDuplicates)
    }

    fn visit_unit<E>(self) -> Result<RejectDuplicates, E> {
        Ok(RejectDuplicates)
    }
}
