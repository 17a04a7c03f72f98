use std::any::type_name;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{AnyValue, CodecError, ErasedValue, ValueEdit, ValueKey, ValueState};
use crate::engine::Engine;
use crate::error::SessionError;
use crate::sync::Arc;
use crate::time::Timestamp;

use super::cache_policy::CachePolicy;
use super::json;

/// Values whose key begins with this belong to the login.
pub(super) const LOGIN_KEY_PREFIX: &str = "auth.login.";

/// A type whose value can be stored in a session, one value per type.
///
/// ```
/// use cloakroom::SessionValue;
/// use serde::{Deserialize, Serialize};
/// use std::collections::BTreeMap;
///
/// /// State, under the key `cart`.
/// #[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
/// struct Cart {
///     items: BTreeMap<String, u32>,
/// }
///
/// /// A cached value.
/// #[derive(Clone, Serialize, Deserialize, SessionValue)]
/// #[session(ttl = "15m", stale_if_error = "1h")]
/// struct Roles(Vec<String>);
/// ```
///
/// A value is **state** (the session is its source of truth, like a cart) unless
/// [`CACHE`](Self::CACHE) makes it a **cached value** (its source is elsewhere, like a user's
/// roles).
///
/// The derive macro (feature `derive`, on by default) has a setting for each item of this trait.
/// Without the macro, the same is:
///
/// ```
/// # use cloakroom::{CachePolicy, SessionValue};
/// # use serde::{Deserialize, Serialize};
/// # use std::{collections::BTreeMap, time::Duration};
/// # #[derive(Clone, Default, Serialize, Deserialize)]
/// # struct Cart { items: BTreeMap<String, u32> }
/// # #[derive(Clone, Serialize, Deserialize)]
/// # struct Roles(Vec<String>);
/// impl SessionValue for Cart {
///     const KEY: &'static str = "cart";
/// }
///
/// impl SessionValue for Roles {
///     const KEY: &'static str = "roles";
///     const CACHE: CachePolicy =
///         CachePolicy::ttl(Duration::from_secs(15 * 60)).stale_if_error(Duration::from_secs(3600));
/// }
/// ```
///
/// Before a value is written, on every tier, its encoding is decoded again and compared. A value
/// that would not survive the round trip is refused with
/// [`Encode`](crate::error::SessionErrorKind::Encode); the error's source names the value and the
/// field.
///
/// The comparison sees only what serde sees. A skipped field, or what a `with` module rounds off,
/// is not part of the value: it is lost in a shared tier and when a quiet session is packed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session value",
    label = "not a session value",
    note = "a value is a type of your own: `#[derive(Clone, Serialize, Deserialize, SessionValue)] struct Nickname(String);`",
    note = "wrap a foreign type, such as `String` or `Vec<T>`, in a type of your own like this"
)]
pub trait SessionValue: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name under which the value is stored: 1 to 64 of `a-z`, `0-9`, `_`, `-` and `.`, checked
    /// at compile time.
    ///
    /// Give every type its own key. Two types under one key see each other's data if it decodes,
    /// and get [`Decode`](crate::error::SessionErrorKind::Decode) if it does not. Debug builds find
    /// this out at start-up for types with the derive macro, and otherwise when the second type is
    /// first used.
    ///
    /// [`Session::clear`](crate::Session::clear) keeps values whose key begins with `auth.login.`:
    /// they belong to the login.
    const KEY: &'static str;

    /// The kind of the value, state or cached, and how long a cached value is valid. Default:
    /// state.
    const CACHE: CachePolicy = CachePolicy::STATE;

    /// Returns when the value becomes invalid, whatever its policy allows. Default: `None`, only
    /// the policy decides.
    ///
    /// For a value with an expiry of its own, such as one derived from an access token. The
    /// policy's ttl still applies if it is shorter, and no policy serves the value stale beyond
    /// this time. Measured on the clock of the sessions.
    fn expires_at(&self) -> Option<Timestamp> {
        None
    }

    /// Returns how many bytes the value takes in memory, heap included. Default: `None`, the size
    /// is measured.
    ///
    /// A measured size counts against the memory for all sessions, and the encoding's length
    /// against the limits for one value and one session. A size returned here counts against both;
    /// over a shared tier, the length of the encoding counts instead if it is greater, because
    /// other nodes measure the value by its encoding.
    ///
    /// The size is measured on the decoded value, and is accurate to within a factor of two for
    /// structs, enums, and the collections, strings and boxes of the standard library. It does not
    /// include memory that serde skips, or unused capacity (`Vec::with_capacity`). Parts under
    /// `#[serde(flatten)]` are overestimated several times.
    fn size(&self) -> Option<usize> {
        None
    }
}

/// A value with a default, for `Session<T>` as a handler argument.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`Session<{Self}>` as a handler argument needs a default for sessions without the value, and `{Self}` has none",
    label = "take `Option<Session<{Self}>>` instead, or derive `Default` for `{Self}`",
    note = "for a cached value take `Session`, and load it with `session.get_or_load(..)`"
)]
pub trait DefaultValue: SessionValue {
    #[doc(hidden)]
    fn default_value() -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: SessionValue + Default> DefaultValue for T {
    fn default_value() -> Self {
        Self::default()
    }
}

/// Namespace for the constant of a value's type.
struct KeyOf<T>(std::marker::PhantomData<T>);

impl<T: SessionValue> KeyOf<T> {
    const KEY: &'static str = {
        assert_valid_key(T::KEY);
        T::KEY
    };
}

/// Checks at compile time that a type is a cached value.
pub(super) const fn must_be_cached<T: SessionValue>() {
    assert!(
        T::CACHE.is_cached(),
        "only a cached value can be loaded, and this type is state: give it a ttl, such as `#[session(ttl = \"5m\")]`, or its \
         `impl SessionValue` a `CACHE` policy, or use `get` and `update`"
    );
}

/// Checks at compile time that a type is state.
pub(super) const fn must_be_state<T: SessionValue>() {
    assert!(
        !T::CACHE.is_cached(),
        "this type is a cached value, for which no default may be invented: use `update_cached` to change what was loaded, \
         `set` to replace it, `get_or_load` or `Option<Session<T>>` to read it"
    );
}

/// Checks a key at compile time. The derive macro has the same rules for the keys that it knows.
#[doc(hidden)]
pub const fn assert_valid_key(key: &str) {
    assert!(is_valid_key(key), "a session value's KEY is 1 to 64 of a-z, 0-9, '_', '-' and '.'");
}

const fn is_valid_key(key: &str) -> bool {
    let bytes = key.as_bytes();
    let mut i = 0;
    while i < bytes.len() {
        if !matches!(bytes[i], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.') {
            return false;
        }
        i += 1;
    }
    !bytes.is_empty() && bytes.len() <= 64
}

impl<T: SessionValue> AnyValue for T {
    fn own_key(&self) -> &'static str {
        key::<T>()
    }

    fn type_name(&self) -> &'static str {
        type_name::<T>()
    }

    fn encode(&self) -> Result<Vec<u8>, CodecError> {
        json::encode(self)
    }

    fn round_trips(&self, bytes: &[u8]) -> bool {
        json::round_trips(self, bytes)
    }
}

/// `measured` is the size in memory, used if the type does not return its own.
pub(super) fn erase<T: SessionValue>(value: Arc<T>, measured: usize) -> ErasedValue {
    let decoded_bytes = u32::try_from(value.size().unwrap_or(measured)).unwrap_or(u32::MAX);
    ErasedValue { value, decoded_bytes }
}

pub(super) const fn key<T: SessionValue>() -> &'static str {
    KeyOf::<T>::KEY
}

/// The key of a type's value.
pub(super) const fn own_key<T: SessionValue>() -> ValueKey {
    ValueKey::Static(key::<T>())
}

/// The edit that stores a value.
pub(super) fn edit_for<T: SessionValue>(
    engine: &Engine,
    key: ValueKey,
    value: Arc<T>,
    expect: Option<u64>,
    now: Timestamp,
) -> Result<ValueEdit, SessionError> {
    let keep = |bytes: &[u8]| (bytes.len(), engine.has_shared_tier().then(|| Arc::from(bytes)));
    let ((length, encoded), measured) = json::encode_for_cache(&*value, keep)?;
    let size = value.size().unwrap_or(length);
    Ok(ValueEdit {
        key,
        expect,
        fresh_until: fresh_until(&*value, now, 0),
        size: u32::try_from(size).unwrap_or(u32::MAX),
        state: ValueState::Decoded(erase(value, measured)),
        encoded,
    })
}

/// The end of the freshness of a value that is stored now; `random` decides the jitter.
pub(super) fn fresh_until<T: SessionValue>(value: &T, now: Timestamp, random: u64) -> Timestamp {
    let by_policy = T::CACHE.fresh_until(now, random);
    value.expires_at().map_or(by_policy, |end| end.min(by_policy))
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
