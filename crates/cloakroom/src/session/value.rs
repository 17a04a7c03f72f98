use std::any::{Any, type_name};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Codec, CodecError, ErasedValue, ValueEdit, ValueKey, ValueState};
use crate::error::SessionError;
use crate::sync::Arc;
use crate::time::Timestamp;

use super::cache_policy::CachePolicy;
use super::json;

/// A type that a session can hold one value of.
///
/// ```
/// use cloakroom::SessionValue;
/// use serde::{Deserialize, Serialize};
/// use std::collections::BTreeMap;
///
/// #[derive(Clone, Default, Serialize, Deserialize)]
/// struct Cart {
///     items: BTreeMap<String, u32>,
/// }
///
/// impl SessionValue for Cart {
///     const KEY: &'static str = "cart";
/// }
/// ```
///
/// A value is **state** (the session is its source of truth, as with a cart) unless [`CACHE`](Self::CACHE)
/// says that it is a **cached value** (its source is elsewhere, as with a user's roles).
///
/// Every value that is written is read again from its encoding first, on every tier, and refused with
/// [`Encode`](crate::error::SessionErrorKind::Encode) if it would not come back as it is: the error's source names the value and the
/// field. What serde does not show cannot be compared: what it skips, or what a `with` module rounds off, is not part of the
/// value, and is lost in a shared tier and when a quiet session is packed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session value",
    label = "not a session value",
    note = "a value is a type of your own: `#[derive(Clone, Serialize, Deserialize)] struct Nickname(String);`",
    note = "with a name: `impl SessionValue for Nickname {{ const KEY: &'static str = \"nickname\"; }}`",
    note = "a type of somebody else's, such as `String` or `Vec<T>`, has to be wrapped in one of your own like that"
)]
pub trait SessionValue: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name under which the value is kept: 1 to 64 of `a-z`, `0-9`, `_`, `-` and `.`, checked when compiling.
    ///
    /// Give every type its own. Two types under one key see each other's data where it decodes and
    /// get [`Decode`](crate::error::SessionErrorKind::Decode) where it does not.
    const KEY: &'static str;

    /// Whether this is state or a cached value, and for how long a cached value is good. Default: state.
    const CACHE: CachePolicy = CachePolicy::STATE;

    /// From when on the value must not be used any more, whatever its policy says. Default: `None`, its policy alone decides.
    ///
    /// For what carries an end of its own, such as what was derived from an access token: the policy's ttl still holds
    /// where it is shorter, and no policy serves the value stale beyond this. On the clock of the sessions.
    fn expires_at(&self) -> Option<Timestamp> {
        None
    }

    /// How many bytes the value takes in memory, heap included. Default: `None`, which has it
    /// measured.
    ///
    /// What is measured counts against the memory for all sessions, and the encoding against the
    /// limits for one value and one session. A value that says its size counts as that for both;
    /// over a shared tier as its encoding where that is longer, as other nodes read it by that.
    ///
    /// A value is measured as it is when it has been decoded, which is within half of the truth for
    /// structs, enums, and the collections, texts and boxes of the standard library. It does not
    /// show memory that serde skips, nor room that was reserved and not used
    /// (`Vec::with_capacity`). Parts under `#[serde(flatten)]` count as several times what they
    /// take.
    fn size(&self) -> Option<usize> {
        None
    }
}

/// A value that has a default, for `Session<T>` as an argument of a handler.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`Session<{Self}>` as an argument needs a default for where the session has no such value, and `{Self}` has none",
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

/// The constants of a value's type.
struct CodecOf<T>(std::marker::PhantomData<T>);

impl<T: SessionValue> CodecOf<T> {
    const CODEC: &'static Codec = {
        assert!(is_valid_key(T::KEY), "a session value's KEY is 1 to 64 of a-z, 0-9, '_', '-' and '.'");
        &Codec { key: T::KEY, type_name: type_name::<T>, encode: encode::<T>, round_trips: round_trips::<T> }
    };
}

/// Checks when compiling that a type is a cached value.
pub(super) const fn must_be_cached<T: SessionValue>() {
    assert!(
        T::CACHE.is_cached(),
        "only a cached value can be loaded, and this type is state: give its `impl SessionValue` a `CACHE` policy, such as \
         `const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(300));`, or use `get` and `update`"
    );
}

/// Checks when compiling that a type is state.
pub(super) const fn must_be_state<T: SessionValue>() {
    assert!(
        !T::CACHE.is_cached(),
        "this type is a cached value, for which a default must not be made up: use `update_cached` to change what was loaded, \
         `set` to replace it, `get_or_load` or `Option<Session<T>>` to read it"
    );
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

fn encode<T: SessionValue>(value: &(dyn Any + Send + Sync)) -> Result<Vec<u8>, CodecError> {
    json::encode(value.downcast_ref::<T>().ok_or("not a value of the codec's type")?)
}

fn round_trips<T: SessionValue>(value: &(dyn Any + Send + Sync), bytes: &[u8]) -> bool {
    value.downcast_ref::<T>().is_some_and(|value| json::round_trips(value, bytes))
}

/// `measured` is what the value takes in memory where the type does not say otherwise.
pub(super) fn erase<T: SessionValue>(value: Arc<T>, measured: usize) -> ErasedValue {
    let held = value.size().unwrap_or(measured);
    ErasedValue::new(value, CodecOf::<T>::CODEC, u32::try_from(held).unwrap_or(u32::MAX))
}

pub(super) const fn key<T: SessionValue>() -> &'static str {
    CodecOf::<T>::CODEC.key
}

/// The key of a type's value.
pub(super) const fn own_key<T: SessionValue>() -> ValueKey {
    ValueKey::Static(key::<T>())
}

/// The edit that puts a value in place.
pub(super) fn edit_for<T: SessionValue>(
    key: ValueKey,
    value: Arc<T>,
    expect: Option<u64>,
    now: Timestamp,
) -> Result<ValueEdit, SessionError> {
    let (encoded, measured) = json::encode_for_cache(&*value)?;
    let size = value.size().unwrap_or(encoded.len());
    Ok(ValueEdit {
        key,
        expect,
        fresh_until: fresh_until(&*value, now, 0),
        size: u32::try_from(size).unwrap_or(u32::MAX),
        state: ValueState::Decoded(erase(value, measured)),
        encoded: Some(encoded.into()),
    })
}

/// Until when a value is fresh that is put in place now; `random` decides the jitter.
pub(super) fn fresh_until<T: SessionValue>(value: &T, now: Timestamp, random: u64) -> Timestamp {
    let by_policy = T::CACHE.fresh_until(now, random);
    value.expires_at().map_or(by_policy, |end| end.min(by_policy))
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
