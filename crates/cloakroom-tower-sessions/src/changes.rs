use serde_json::Value;

use crate::Data;
use crate::value_key::{to_stored, value_key};

/// The changes of values that turn `before` into `after`; `None` removes a value.
pub(crate) fn changes(before: &Data, after: &Data) -> Vec<(String, Option<Value>)> {
    let written = after.iter().filter(|(key, value)| before.get(*key) != Some(*value));
    let written = written.map(|(key, value)| (value_key(key), Some(to_stored(key, value))));
    let removed = before.keys().filter(|key| !after.contains_key(*key)).map(|key| (value_key(key), None));
    written.chain(removed).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_keys_that_differ_are_changed() {
        let data = |pairs: &[(&str, u32)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
        let mut found =
            changes(&data(&[("same", 1), ("old", 2), ("other", 3)]), &data(&[("same", 1), ("other", 4), ("new", 5)]));
        found.sort_by(|one, other| one.0.cmp(&other.0));
        let expected = [("ts.new", Some(json!(5))), ("ts.old", None), ("ts.other", Some(json!(4)))];
        assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value)));
    }
}
