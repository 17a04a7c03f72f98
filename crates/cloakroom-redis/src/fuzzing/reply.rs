use cloakroom::store::{Lease, Selector, StoreErrorKind};
use redis::{PushKind, Value};

use crate::fault::Effect;
use crate::index::selectors;
use crate::keyspace::{Keyspace, hex};
use crate::store::receipt;
use crate::topology::ranges;
use crate::wire::{Fields, ScriptReply, changed, texts};

/// Passes a server's reply to every function that reads replies.
///
/// The input is the bytes that the server sends.
///
/// # Panics
/// If more comes out than went in, or something of another type.
pub fn reply(input: &[u8]) {
    let Ok(value) = redis::parse_redis_value(input) else { return };
    if let Value::Push { kind: PushKind::Invalidate, data } = &value {
        message(data);
    }
    fields(&value);
    answer(&value);
    members(&value);
    map_of_a_cluster(&value);
}

/// Checks an invalidation message: if the parsed keys differed from those in the message, the wrong
/// copies would be kept.
fn message(data: &[Value]) {
    let named = match data.first() {
        Some(Value::Array(keys)) if keys.iter().all(|key| matches!(key, Value::BulkString(_))) => Some(keys),
        _ => None,
    };
    let changed = changed(data.to_vec());
    assert_eq!(changed.as_ref().map(Vec::len), named.map(Vec::len));
    let Ok(keyspace) = "shop".parse().map(Keyspace::new) else { return };
    for key in changed.into_iter().flatten() {
        let Some(selector) = keyspace.selector_of(&key) else { continue };
        assert_eq!(keyspace.record(selector).as_bytes(), key, "a key has one spelling");
    }
}

fn fields(value: &Value) {
    let read = Fields::from_value(value.clone());
    let texts = |pairs: usize, all: bool| all.then_some(pairs);
    let expected = match value {
        Value::Map(pairs) => texts(pairs.len(), pairs.iter().all(|(name, content)| is_text(name) && is_text(content))),
        Value::Array(flat) if flat.len().is_multiple_of(2) => texts(flat.len() / 2, flat.iter().all(is_text)),
        _ => None,
    };
    assert_eq!(read.ok().map(|fields| fields.iter().count()), expected);
}

fn answer(value: &Value) {
    let Ok(mut answer) = ScriptReply::from_value(value.clone()) else { return };
    match receipt(answer.next(), 8, Lease::NONE) {
        Ok(receipt) => {
            let is_consistent = receipt.record.as_ref().map_or(8, |record| record.version) == receipt.version;
            assert!(is_consistent, "the receipt has the version of the record");
        }
        Err(error) => assert!(matches!(error.kind(), StoreErrorKind::Unknown | StoreErrorKind::Corrupt)),
    }
}

fn members(value: &Value) {
    let named = selectors(Some(value.clone()), Effect::Reads);
    let Ok(listed) = texts(value.clone()) else { return assert!(named.is_err()) };
    let spelled = |selectors: Vec<Selector>| {
        selectors.iter().map(|selector| hex(selector.as_bytes()).to_string()).collect::<Vec<_>>()
    };
    if let Ok(named) = named {
        assert_eq!(spelled(named), listed, "a selector has one spelling");
    }
}

fn map_of_a_cluster(value: &Value) {
    let Value::Array(lines) = value else { return assert!(ranges(value).is_empty()) };
    let ranges = ranges(value);
    assert!(ranges.len() <= lines.len());
    assert!(ranges.iter().all(|range| range.first <= range.last && range.last < 16384));
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::BulkString(_) | Value::SimpleString(_) | Value::VerbatimString { .. })
}
