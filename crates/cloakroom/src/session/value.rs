use std::any::Any;
use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::cache::{Codec, CodecError, Edit, Erased, Key, Slot};
use crate::sessions::{SessionError, SessionErrorKind};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::cache_policy::CachePolicy;

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
/// What serde skips is not part of the value: it is lost in a shared tier and when a quiet session is packed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session value",
    label = "not a session value",
    note = "write `impl SessionValue for {Self} {{ const KEY: &'static str = \"...\"; }}`, with `Clone`, `Serialize` and `Deserialize` derived"
)]
pub trait SessionValue: Clone + Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name under which the value is kept: 1 to 64 of `a-z`, `0-9`, `_`, `-` and `.`, checked when compiling.
    ///
    /// Give every type its own. Two types under one key see each other's data where it decodes and
    /// get [`Decode`](SessionErrorKind::Decode) where it does not.
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

    /// How many bytes the value takes in memory, heap included. Default: `None`, which counts the
    /// bytes of its encoding, at the cost of encoding it once per write. Over a shared tier it counts as its encoding where
    /// that is longer, as other nodes read it by that.
    fn size(&self) -> Option<usize> {
        None
    }
}

/// The constants of a value's type.
struct Of<T>(std::marker::PhantomData<T>);

impl<T: SessionValue> Of<T> {
    const CODEC: &'static Codec = {
        assert!(is_valid_key(T::KEY), "a session value's KEY is 1 to 64 of a-z, 0-9, '_', '-' and '.'");
        &Codec { key: T::KEY, encode: encode::<T>, survives: survives::<T> }
    };
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
    let value = value.downcast_ref::<T>().ok_or("not a value of the codec's type")?;
    Ok(serde_json::to_vec(value)?)
}

fn survives<T: SessionValue>(bytes: &[u8]) -> bool {
    let same = || -> Result<bool, serde_json::Error> {
        let again = serde_json::to_value(serde_json::from_slice::<T>(bytes)?)?;
        // As data, because a `HashMap` comes back in another order.
        Ok(again == serde_json::from_slice::<serde_json::Value>(bytes)?)
    };
    same().unwrap_or(false)
}

pub(super) fn decode<T: SessionValue>(bytes: &[u8]) -> Result<T, SessionError> {
    serde_json::from_slice(bytes).map_err(|error| {
        // Not the error itself: it quotes the data, and data does not belong in logs.
        let place = format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column());
        SessionError::with_source(SessionErrorKind::Decode, place)
    })
}

pub(super) fn erase<T: SessionValue>(value: Arc<T>) -> Erased {
    Erased::new(value, Of::<T>::CODEC)
}

pub(super) const fn key<T: SessionValue>() -> &'static str {
    Of::<T>::CODEC.key
}

/// The edit that puts a value in place.
pub(super) fn put<T: SessionValue>(value: Arc<T>, expect: Option<u64>, now: Timestamp) -> Result<Edit, SessionError> {
    let size = value.size().map_or_else(|| encoded_size(&*value), Ok)?;
    Ok(Edit {
        key: Key::Static(key::<T>()),
        expect,
        fresh_until: fresh_until(&*value, now, 0),
        size: u32::try_from(size).unwrap_or(u32::MAX),
        slot: Slot::Decoded(erase(value)),
    })
}

/// Until when a value is fresh that is put in place now; `random` decides the jitter.
pub(super) fn fresh_until<T: SessionValue>(value: &T, now: Timestamp, random: u64) -> Timestamp {
    let by_policy = T::CACHE.fresh_until(now, random);
    value.expires_at().map_or(by_policy, |end| end.min(by_policy))
}

fn encoded_size<T: SessionValue>(value: &T) -> Result<usize, SessionError> {
    let mut counter = Counter(0);
    serde_json::to_writer(&mut counter, value).map_err(|error| SessionError::encode(error.into()))?;
    Ok(counter.0)
}

/// Counts bytes instead of keeping them.
struct Counter(usize);

impl io::Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(any(test, fuzzing))]
pub(super) mod fuzzing;
