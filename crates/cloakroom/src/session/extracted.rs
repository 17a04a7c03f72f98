//! `Session<T>`: one value of a session, read when the handler starts.

use std::ops::Deref;

use crate::error::SessionError;
use crate::sync::Arc;

use super::value::{DefaultValue, must_be_state};
use super::{Session, SessionValue};

impl<T: SessionValue> Session<T> {
    /// Reads one value of a session; `None` if there is none. Never creates anything.
    ///
    /// Does what the extractor `Option<Session<T>>` does, for services without axum.
    ///
    /// # Errors
    /// As [`Session::get`].
    pub async fn read(session: Session) -> Result<Option<Self>, SessionError> {
        let value = session.get::<T>().await?;
        Ok(value.map(|value| Self { request: session.request, value: Some(value) }))
    }

    /// Returns the session that contains the value.
    #[must_use]
    pub fn session(&self) -> Session {
        Session::new(self.request.clone())
    }

    /// Replaces the value, whatever it is now. See [`Session::set`].
    ///
    /// # Errors
    /// As [`Session::set`].
    pub async fn set(&self, value: T) -> Result<(), SessionError> {
        self.session().set(value).await
    }

    /// Removes the value. See [`Session::remove`].
    ///
    /// # Errors
    /// As [`Session::remove`].
    pub async fn remove(&self) -> Result<bool, SessionError> {
        self.session().remove::<T>().await
    }

    /// Removes the value and returns it as it was at that moment. See [`Session::take`].
    ///
    /// # Errors
    /// As [`Session::take`].
    pub async fn take(&self) -> Result<Option<T>, SessionError> {
        self.session().take().await
    }

    /// Changes the cached value atomically, if it is still present and fresh. See
    /// [`Session::update_cached`].
    ///
    /// # Errors
    /// As [`Session::update_cached`].
    pub async fn update_cached<R: Send>(
        &self,
        change: impl FnMut(&mut T) -> R + Send,
    ) -> Result<Option<R>, SessionError> {
        self.session().update_cached(change).await
    }
}

impl<T: DefaultValue> Session<T> {
    /// Reads one value of a session, or its default if there is none. Never creates anything.
    ///
    /// Does what the extractor `Session<T>` does, for services without axum. For state only: the
    /// compiler refuses cached values, because a default would look like a loaded value.
    ///
    /// ```compile_fail,E0080
    /// # use cloakroom::{Session, SessionError, SessionValue};
    /// #[derive(Clone, Default, serde::Serialize, serde::Deserialize, SessionValue)]
    /// #[session(ttl = "1m")]
    /// struct Roles(Vec<String>);
    ///
    /// // "this type is a cached value, for which no default may be invented"
    /// async fn roles(roles: Session<Roles>) {}
    /// let _: axum::Router = axum::Router::new().route("/", axum::routing::get(roles));
    /// ```
    ///
    /// # Errors
    /// As [`Session::get`].
    pub async fn read_or_default(session: Session) -> Result<Self, SessionError> {
        const { must_be_state::<T>() };
        let value = session.get::<T>().await?.unwrap_or_else(|| Arc::new(T::default_value()));
        Ok(Self { request: session.request, value: Some(value) })
    }
}

impl<T: SessionValue + Default> Session<T> {
    /// Changes the value atomically. See [`Session::update`].
    ///
    /// The closure gets the value as it is at that moment, not as it was when the handler started.
    ///
    /// # Errors
    /// As [`Session::update`].
    pub async fn update<R>(&self, change: impl FnMut(&mut T) -> R + Send) -> Result<R, SessionError>
    where
        R: Send,
    {
        self.session().update(change).await
    }

    /// Changes the value atomically, unless the closure declines. See [`Session::try_update`].
    ///
    /// # Errors
    /// As [`Session::try_update`].
    pub async fn try_update<R: Send, E: Send>(
        &self,
        change: impl FnMut(&mut T) -> Result<R, E> + Send,
    ) -> Result<Result<R, E>, SessionError> {
        self.session().try_update(change).await
    }
}

impl<T: SessionValue> Deref for Session<T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("`()` is not a session value, and every other `Session<T>` is created with one"),
        }
    }
}
