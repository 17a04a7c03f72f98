use std::collections::BTreeMap;
use std::error::Error;

use serde::{Deserialize, Serialize};

use super::SessionValue;
use crate::error::SessionErrorKind;
use crate::session::json::{decode, encode, encode_for_cache, round_trips};

/// Covers as much of JSON as possible, nested in itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Tree {
    Nothing(()),
    Truth(bool),
    Number(i64),
    Text(String),
    Branch(Vec<Tree>),
    Named(BTreeMap<String, Tree>),
}

impl SessionValue for Tree {
    const KEY: &'static str = "tree";
}

/// A typical application value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Cart {
    items: BTreeMap<String, u32>,
    note: Option<String>,
    #[serde(default)]
    state: State,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum State {
    #[default]
    Open,
    Ordered {
        number: u64,
    },
    Shipped(Vec<String>),
}

impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

/// Checks decoding of a value as a store returned it.
///
/// The input is the value's encoding.
///
/// # Panics
/// If a value does not survive its encoding, or if an error quotes the data.
pub fn stored_value(input: &[u8]) {
    check::<Tree>(input);
    check::<Cart>(input);
}

/// All possible error messages, without numbers.
const ERRORS: [&str; 5] = [
    "is damaged: invalid JSON at line , column ",
    "was written by another type under the same `KEY`, or by another release of the type: it does not match at line , column ",
    "was written by another type under the same `KEY`, or by another release of the type: the field `items` is missing and \
     has no `#[serde(default)]`",
    "was written by another type under the same `KEY`, or by another release of the type: the field `note` is missing and \
     has no `#[serde(default)]`",
    "was written by another type under the same `KEY`, or by another release of the type: the field `number` is missing \
     and has no `#[serde(default)]`",
];

fn check<T: SessionValue + PartialEq + std::fmt::Debug>(input: &[u8]) {
    match decode::<T>(input) {
        Ok((value, _)) => {
            let plain: Result<serde_json::Value, _> = serde_json::from_slice(input);
            let depth = plain.map_or(0, |plain| depth(&plain));
            let encoded = match encode(&value) {
                Ok(encoded) => encoded,
                // A value that is nested deeper than a node reads is not written.
                Err(error) => return assert!(depth > 32, "{value:?} does not encode: {error}"),
            };
            let (kept, _) = encode_for_cache(&value, <[u8]>::to_vec).expect("a decoded value can be encoded again");
            assert_eq!(kept, encoded);
            assert!(round_trips(&value, &encoded));
            assert_eq!(
                decode::<T>(&encoded).ok().map(|(value, _)| value),
                Some(value),
                "a value survives its encoding"
            );
            // Data that a type ignores may be nested deeper than stored values.
            assert!(depth <= 128, "nesting is too deep for the stack");
        }
        Err(error) => {
            let error = error.of(T::KEY);
            assert_eq!(error.kind(), SessionErrorKind::Decode);
            let said: String = error.source().map(ToString::to_string).unwrap_or_default();
            let said: String = said.chars().filter(|c| !c.is_ascii_digit()).collect();
            assert!(ERRORS.iter().any(|known| said == format!("the value `{}` {known}", T::KEY)), "{said}");
        }
    }
}

fn depth(value: &serde_json::Value) -> usize {
    match value {
        serde_json::Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        serde_json::Value::Object(items) => 1 + items.values().map(depth).max().unwrap_or_default(),
        _ => 1,
    }
}
