use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{SessionValue, decode, encode, encoded_size, survives};
use crate::sessions::SessionErrorKind;

/// As much as JSON can say, and in itself.
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

/// What applications keep.
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

/// A value as a store returned it.
///
/// An input is its encoding.
///
/// # Panics
/// If a value does not survive being encoded, or if an error quotes what it is about.
pub fn stored_value(input: &[u8]) {
    check::<Tree>(input);
    check::<Cart>(input);
}

fn check<T: SessionValue + PartialEq + std::fmt::Debug>(input: &[u8]) {
    match decode::<T>(input) {
        Ok(value) => {
            let encoded = encode::<T>(&value).unwrap_or_else(|error| panic!("{value:?} does not encode: {error}"));
            assert_eq!(encoded_size(&value).ok(), Some(encoded.len()));
            assert_eq!(decode::<T>(&encoded).ok(), Some(value), "a value survives its encoding");
            assert!(survives::<T>(&encoded));
            // What a type passes over may be more than data can hold.
            let plain: Result<serde_json::Value, _> = serde_json::from_slice(input);
            assert!(plain.map_or(0, |plain| depth(&plain)) <= 128, "deeper than anybody's stack should be");
        }
        Err(error) => {
            assert_eq!(error.kind(), SessionErrorKind::Decode);
            assert!(!survives::<T>(input));
            let said: String = format!("{error:?}").chars().filter(|c| !c.is_ascii_digit()).collect();
            let place =
                |kind| format!("SessionError {{ kind: Decode, source: Some(\"{kind} error at line , column \") }}");
            assert!(["Syntax", "Data", "Eof"].map(place).contains(&said), "{said}");
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
