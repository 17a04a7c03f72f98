//! JSON objects in which no member stands twice.
//!
//! Of two members of one name some parsers take the first and some the last; whoever signs such a token shows one
//! content to one service and another to the next (RFC 8725 §2.4, RFC 7515 §4).

use std::collections::HashSet;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::JwtError;

/// The members of an object that is the whole text.
pub(super) fn members(text: &[u8]) -> Result<Map<String, Value>, JwtError> {
    // In a pass of its own, so that numbers are read by `serde_json` itself, whatever its features make of them.
    serde_json::from_slice::<RejectDuplicates>(text).map_err(|_| JwtError::Malformed)?;
    serde_json::from_slice(text).map_err(|_| JwtError::Malformed)
}

/// Any value, of which nothing is kept.
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
        f.write_str("JSON without doubled members")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<RejectDuplicates, A::Error> {
        let mut names = HashSet::new();
        while let Some(name) = members.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a member stands there twice"));
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
