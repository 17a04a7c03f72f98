//! Cached values that are derived from an input of the request.

use std::future::Future;
use std::ops::Deref;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::cache::CodecError;
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::cache_policy::CachePolicy;
use super::load::{Accept, load};
use super::{LoadResult, Session, SessionValue};

/// A cached value that was derived from one particular input, and is valid for no other.
///
/// Derefs to the value. Of the input, only a SHA-256 digest is stored: enough to recognise it, and
/// impossible to invert if the input is as hard to guess as a token.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(bound = "T: SessionValue")]
pub struct Derived<T> {
    of: InputDigest,
    /// In milliseconds since the Unix epoch.
    until: Option<u64>,
    value: T,
}

/// The digest of an input.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct InputDigest([u8; 32]);

impl InputDigest {
    pub(super) fn of(input: &[u8]) -> Self {
        Self(Sha256::new().chain_update(b"cloakroom/v1/input").chain_update(input).finalize().into())
    }

    /// Distinguishes loads of different inputs, so that only readers of the same input share one.
    fn low_bits(&self) -> u128 {
        u128::from_be_bytes(std::array::from_fn(|index| self.0[index]))
    }

    fn ct_eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl<T> Derived<T> {
    pub(super) fn new(of: InputDigest, until: Option<Timestamp>, value: T) -> Self {
        Self { of, until: until.map(Timestamp::as_millis), value }
    }
}

impl<T> Deref for Derived<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

/// Uses the key and the policy of the value itself.
impl<T: SessionValue> SessionValue for Derived<T> {
    const KEY: &'static str = T::KEY;
    const CACHE: CachePolicy = T::CACHE;

    fn expires_at(&self) -> Option<Timestamp> {
        let own = self.value.expires_at();
        let given = self.until.map(Timestamp::from_millis);
        own.into_iter().chain(given).min()
    }

    fn size(&self) -> Option<usize> {
        Some(self.value.size()? + size_of::<InputDigest>() + size_of::<u64>())
    }
}

impl Session {
    /// Returns the cached value of type `T` that was derived from `input`, or derives it with the
    /// loader.
    ///
    /// The loader runs if the session has no such value, if the value was derived from another
    /// input, or if it has expired. Like [`get_or_load`](Self::get_or_load), for a value that
    /// depends on more than the session: an opaque access token that your identity provider has to
    /// check, a tenant that the request names. The last input wins, so use this for inputs that
    /// seldom change within a session.
    ///
    /// If the input expires, return its expiry from the value's
    /// [`expires_at`](SessionValue::expires_at), or use
    /// [`get_or_derive_until`](Self::get_or_derive_until). For JWTs there is the crate
    /// `cloakroom-jwt`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use cloakroom::{CachePolicy, Session, SessionError, SessionValue, Timestamp};
    /// #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Rights {
    ///     roles: Vec<String>,
    ///     until_millis: u64,
    /// }
    /// impl SessionValue for Rights {
    ///     const KEY: &'static str = "rights";
    ///     const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(300));
    ///     fn expires_at(&self) -> Option<Timestamp> {
    ///         Some(Timestamp::from_millis(self.until_millis))
    ///     }
    /// }
    ///
    /// async fn may_edit(session: &Session, access_token: String) -> Result<bool, SessionError> {
    ///     let asked = access_token.clone();
    ///     let rights = session.get_or_derive(&access_token, || introspect(asked)).await?;
    ///     Ok(rights.roles.iter().any(|role| role == "editor"))
    /// }
    ///
    /// async fn introspect(token: String) -> std::io::Result<Rights> {
    ///     # let _ = token;
    ///     Ok(Rights { roles: vec!["editor".to_owned()], until_millis: u64::MAX }) // your identity provider
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn get_or_derive<T, L, F>(
        &self,
        input: impl AsRef<[u8]>,
        loader: L,
    ) -> Result<Arc<Derived<T>>, SessionError>
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output: LoadResult<T>> + Send + 'static,
    {
        let loader = || async move { loader().await.boxed().map(|value| (value, None)) };
        self.derive(InputDigest::of(input.as_ref()), loader).await
    }

    /// Like [`get_or_derive`](Self::get_or_derive), for an input that expires: the loader also
    /// returns the instant until which the value is valid.
    ///
    /// The value is never served from that instant on, whatever its
    /// [`CachePolicy`](crate::CachePolicy) says of stale values, and earlier if the policy or its
    /// own [`expires_at`](SessionValue::expires_at) ends it.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn get_or_derive_until<T, L, F>(
        &self,
        input: impl AsRef<[u8]>,
        loader: L,
    ) -> Result<Arc<Derived<T>>, SessionError>
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output: LoadResult<(T, Timestamp)>> + Send + 'static,
    {
        let loader = || async move { loader().await.boxed().map(|(value, until)| (value, Some(until))) };
        self.derive(InputDigest::of(input.as_ref()), loader).await
    }

    /// Derives a value that is valid until an instant, if the loader returns one.
    async fn derive<T, L, F>(&self, input: InputDigest, loader: L) -> Result<Arc<Derived<T>>, SessionError>
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<(T, Option<Timestamp>), CodecError>> + Send + 'static,
    {
        let accept =
            Accept { absence: false, matches: move |kept: &Derived<T>| kept.of.ct_eq(&input), input: input.low_bits() };
        let loader = move || async move {
            let (value, until) = loader().await?;
            Ok(Some(Derived::new(input, until, value)))
        };
        let found = load(&self.request, accept, loader).await?;
        found.ok_or_else(|| SessionError::with_source(SessionErrorKind::LoadFailed, "the loader returned no value"))
    }
}
