//! The names of the keys of a `tower_sessions::Session` among the values of a Cloakroom session.

use std::fmt::Write as _;

use serde_json::Value;
use sha2::{Digest, Sha256};

/// Start of the names of all values that belong to a `tower_sessions::Session`.
pub(crate) const PREFIX: &str = "ts.";
/// Start of the names of keys that cannot be part of a name.
const DIGEST_PREFIX: &str = "ts..";
/// Maximum length of the name of a value, in bytes.
const MAX_NAME_LEN: usize = 64;

/// Returns the name of the value that a key of a `tower_sessions::Session` is stored under.
///
/// It is the key after `ts.`, if that is a name that a value may have: `cart` is stored as
/// `ts.cart`. So a handler that was ported to a type of its own shares its data with handlers that
/// still use the key:
///
/// ```
/// use cloakroom::SessionValue;
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
/// #[session(key = "ts.cart")]
/// struct Cart(Vec<String>);
///
/// assert_eq!(cloakroom_tower_sessions::value_key("cart"), Cart::KEY);
/// ```
///
/// A key that is empty, longer than 61 bytes, begins with a dot, or has other characters than
/// `a-z`, `0-9`, `_`, `-` and `.` is stored as `ts..` and a digest, together with the key itself,
/// which a type cannot read.
#[must_use]
pub fn value_key(key: &str) -> String {
    if is_nameable(key) {
        return format!("{PREFIX}{key}");
    }
    let mut name = DIGEST_PREFIX.to_owned();
    for byte in &Sha256::digest(key)[..16] {
        // Writing to a string cannot fail.
        let _written = write!(name, "{byte:02x}");
    }
    name
}

fn is_nameable(key: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.');
    !key.is_empty() && key.len() <= MAX_NAME_LEN - PREFIX.len() && !key.starts_with('.') && key.bytes().all(allowed)
}

/// Returns what is stored for `value` under the name of `key`.
pub(crate) fn to_stored(key: &str, value: &Value) -> Value {
    if is_nameable(key) { value.clone() } else { Value::Array(vec![Value::from(key), value.clone()]) }
}

/// Returns the key and the value of what is stored under `name`. `None` if it is not as
/// [`to_stored`] writes it.
pub(crate) fn from_stored(name: &str, stored: Value) -> Option<(String, Value)> {
    if !name.starts_with(DIGEST_PREFIX) {
        return Some((name.strip_prefix(PREFIX)?.to_owned(), stored));
    }
    let Value::Array(parts) = stored else { return None };
    let [Value::String(key), value] = <[Value; 2]>::try_from(parts).ok()? else { return None };
    Some((key, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNNAMEABLE: [&str; 6] = ["", ".hidden", "Cart", "user id", "straße", "ts..x/y"];

    #[test]
    fn a_key_that_can_be_a_name_stays_readable() {
        for key in ["cart", "axum-login.data", "axum-messages.data", "a.b_c-9", &"x".repeat(61)] {
            assert_eq!(value_key(key), format!("ts.{key}"));
            assert_eq!(to_stored(key, &Value::from(1)), Value::from(1));
        }
    }

    #[test]
    fn every_other_key_has_a_name_of_its_own() {
        let long = "x".repeat(62);
        let keys: Vec<&str> = UNNAMEABLE.into_iter().chain([&*long, "cart"]).collect();
        let mut names: Vec<_> = keys.iter().map(|key| value_key(key)).collect();
        assert!(names.iter().all(|name| name.len() <= MAX_NAME_LEN), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), keys.len());
    }

    #[test]
    fn every_key_comes_back_with_its_value() {
        let long = "x".repeat(62);
        for key in UNNAMEABLE.into_iter().chain(["cart", &long]) {
            let value = serde_json::json!(["a", { "b": null }]);
            assert_eq!(from_stored(&value_key(key), to_stored(key, &value)), Some((key.to_owned(), value)));
        }
    }

    #[test]
    fn a_value_of_another_shape_under_a_digest_is_no_key() {
        for stored in [Value::Null, Value::from("x"), serde_json::json!([1, 2]), serde_json::json!(["key"])] {
            assert_eq!(from_stored(&value_key("Cart"), stored), None);
        }
    }
}
