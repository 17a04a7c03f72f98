//! The methods of `Session`.

use std::convert::Infallible;
use std::future::Future;
use std::time::Duration;

use crate::application::PrincipalSessions;
use crate::cache::EndReason;
use crate::config::MAX_LIFETIME;
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::Arc;

use super::load::{Accept, load};
use super::login::Login;
use super::value::{SessionValue, key, must_be_cached, must_be_state};
use super::value_target::ValueTarget;
use super::{LoadResult, Session, ended};

impl Session {
    /// Returns the value of type `T`, or `None` if the session has no fresh one. Never creates
    /// anything.
    ///
    /// A cached value that cannot be read, for example because another release of its type wrote
    /// it, counts as absent.
    ///
    /// # Errors
    /// For state, [`Decode`](SessionErrorKind::Decode) if the data under its key is of another
    /// type; the error's source names the key. Also the errors of a shared tier.
    ///
    /// A client without a session is not an error: the result is `None`. Once this request has been
    /// given the session, however, its end is an error: all further reads return
    /// [`Ended`](SessionErrorKind::Ended), as writes do. So do reads with a token that opens
    /// nothing, if the layer [rejects](crate::config::OnInvalidToken) it.
    pub async fn get<T: SessionValue>(&self) -> Result<Option<Arc<T>>, SessionError> {
        ValueTarget::own(&self.request).get().await
    }

    /// Changes the value of type `T` atomically, starting from its default if there is none, and
    /// returns the closure's result.
    ///
    /// The closure runs on the current value, in turn with the other changes of the session in this
    /// process. If another node commits first, the closure runs again on that node's value, so it
    /// must have no other effect.
    ///
    /// When this returns, the change is committed on every tier, and no concurrent update is lost.
    /// Creates the session if there is none, unless the closure leaves the default unchanged: a
    /// visitor who changes nothing gets no session and no cookie. (The encodings are compared.)
    ///
    /// The closure is not async, because it may have to run again, and because other requests of
    /// the session wait for it: fetch what the change needs beforehand. For a closure that may
    /// decline, use [`try_update`](Self::try_update).
    ///
    /// For state only. The compiler refuses cached values, because `update` would have to invent
    /// a value if none was loaded: use [`update_cached`](Self::update_cached) for those.
    ///
    /// ```compile_fail,E0080
    /// # use cloakroom::{Session, SessionError, SessionValue};
    /// #[derive(Clone, Default, serde::Serialize, serde::Deserialize, SessionValue)]
    /// #[session(ttl = "1m")]
    /// struct Preferences { page_size: u32 }
    ///
    /// async fn resize(session: Session) {
    ///     // "this type is a cached value, for which no default may be invented: ..."
    ///     let _ = session.update(|preferences: &mut Preferences| preferences.page_size = 50).await;
    /// }
    /// let _: axum::Router = axum::Router::new().route("/", axum::routing::post(resize));
    /// ```
    ///
    /// # Errors
    /// - [`Ended`](SessionErrorKind::Ended) if the session ended or the token was replaced since
    ///   the request began;
    /// - [`Ambiguous`](SessionErrorKind::Ambiguous) and
    ///   [`TooManyCookies`](SessionErrorKind::TooManyCookies) if the request carries, or may carry,
    ///   several tokens;
    /// - [`Conflict`](SessionErrorKind::Conflict) if other nodes keep committing first for
    ///   [`conflict_timeout`](crate::application::SessionsBuilder::conflict_timeout);
    /// - [`TooLarge`](SessionErrorKind::TooLarge);
    /// - [`Full`](SessionErrorKind::Full);
    /// - the errors of a shared tier.
    ///
    /// Nothing is changed in these cases, except with
    /// [`OutcomeUnknown`](SessionErrorKind::OutcomeUnknown): the change may then have been made,
    /// once.
    pub async fn update<T, R>(&self, mut change: impl FnMut(&mut T) -> R + Send) -> Result<R, SessionError>
    where
        T: SessionValue + Default,
        R: Send,
    {
        const { must_be_state::<T>() };
        let changed = ValueTarget::own(&self.request).try_update(|value| Ok::<R, Infallible>(change(value))).await?;
        Ok(changed.unwrap_or_else(|never| match never {}))
    }

    /// Changes the value of type `T` atomically, with a closure that may decline.
    ///
    /// Like [`update`](Self::update), but if the closure returns `Err`, nothing is changed and
    /// nothing is created, whatever the closure did to the value.
    ///
    /// The outer result reports whether the session could be accessed, the inner one is the
    /// closure's result.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError, SessionValue};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Default, Serialize, Deserialize, SessionValue)]
    /// struct Cart { items: Vec<String> }
    ///
    /// async fn add(session: &Session, item: String) -> Result<&'static str, SessionError> {
    ///     let added = session
    ///         .try_update(|cart: &mut Cart| {
    ///             cart.items.push(item.clone());
    ///             if cart.items.len() > 20 { Err("The cart is full.") } else { Ok("Added.") }
    ///         })
    ///         .await?;
    ///     Ok(added.unwrap_or_else(|full| full))
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn try_update<T, R, E>(
        &self,
        change: impl FnMut(&mut T) -> Result<R, E> + Send,
    ) -> Result<Result<R, E>, SessionError>
    where
        T: SessionValue + Default,
        R: Send,
        E: Send,
    {
        const { must_be_state::<T>() };
        ValueTarget::own(&self.request).try_update(change).await
    }

    /// Changes the cached value of type `T` atomically, if there is a fresh one, and returns the
    /// closure's result.
    ///
    /// Returns `None` if there is no value to change: it was never loaded, has expired, or was
    /// invalidated. No value is invented, and the value gets no younger: it is loaded again when it
    /// would have been without the change.
    ///
    /// Use it after writing the same change to the source. On `None` there is nothing left to do,
    /// because the next read loads the value from the source.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError, SessionValue};
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize, SessionValue)]
    /// # #[session(ttl = "5m")]
    /// struct Preferences { page_size: u32 }
    /// # #[derive(Clone)] struct Db;
    /// # impl Db { async fn set_page_size(&self, _size: u32) {} }
    /// async fn resize(session: &Session, db: &Db, size: u32) -> Result<(), SessionError> {
    ///     db.set_page_size(size).await;
    ///     session.update_cached(|preferences: &mut Preferences| preferences.page_size = size).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`update`](Self::update). It never creates a session.
    pub async fn update_cached<T, R>(&self, change: impl FnMut(&mut T) -> R + Send) -> Result<Option<R>, SessionError>
    where
        T: SessionValue,
        R: Send,
    {
        const { must_be_cached::<T>() };
        ValueTarget::own(&self.request).update_present(change).await
    }

    /// Replaces the value of type `T`, whatever it is now. Creates the session if there is none.
    ///
    /// If two requests set the same value, both succeed and the later one wins. Use
    /// [`update`](Self::update) if the new value depends on the old one.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn set<T: SessionValue>(&self, value: T) -> Result<(), SessionError> {
        ValueTarget::own(&self.request).set(value).await
    }

    /// Removes the value of type `T`. Returns whether there was one; if not, nothing is written.
    ///
    /// # Errors
    /// As [`update`](Self::update), except that it also removes data that cannot be decoded or
    /// unsealed.
    pub async fn remove<T: SessionValue>(&self) -> Result<bool, SessionError> {
        ValueTarget::<T>::own(&self.request).remove().await
    }

    /// Removes the value of type `T` and returns it, in one step.
    ///
    /// Of any number of concurrent requests, on any number of nodes, one gets the value. Returns
    /// `None` if there is none; then nothing is written, and no session is created.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError, SessionValue};
    ///
    /// /// Shown once, on the next page.
    /// #[derive(Clone, serde::Serialize, serde::Deserialize, SessionValue)]
    /// struct Flash(String);
    ///
    /// async fn banner(session: &Session) -> Result<String, SessionError> {
    ///     Ok(session.take::<Flash>().await?.map_or_else(String::new, |Flash(text)| text))
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`update`](Self::update), and as [`get`](Self::get). After
    /// [`OutcomeUnknown`](SessionErrorKind::OutcomeUnknown), the value may be gone without any
    /// request having received it.
    pub async fn take<T: SessionValue>(&self) -> Result<Option<T>, SessionError> {
        ValueTarget::own(&self.request).take().await
    }

    /// Removes all values in one commit; the session, its token and its login remain.
    ///
    /// Values whose key begins with `auth.login.` belong to the login and remain too, such as the
    /// digest by which `cloakroom-auth` finds out that a password was changed.
    ///
    /// Returns whether there was anything to remove; if not, nothing is written. A concurrent write
    /// of another request is either removed too or happens after this. Loads in progress do not
    /// store their results.
    ///
    /// # Errors
    /// As [`update`](Self::update), except that it also removes data that cannot be decoded or
    /// unsealed.
    pub async fn clear(&self) -> Result<bool, SessionError> {
        self.request.clear().await
    }

    /// Drops the cached value of type `T`, so that the next read loads it again.
    ///
    /// Does not wait for a load in progress, and such a load does not store its result. Does
    /// nothing if there is no session.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn invalidate<T: SessionValue>(&self) -> Result<(), SessionError> {
        ValueTarget::<T>::own(&self.request).invalidate().await
    }

    /// Returns the cached value of type `T`; if there is no usable one, loads it and stores it in
    /// the session.
    ///
    /// The loader runs in its own task, so a disconnecting client wastes no work, and runs at most
    /// once for all requests of the session that want the value. A request never waits for a load
    /// that began before a write or an invalidation it knows of, and such a load never overwrites
    /// anything. The type's [`CachePolicy`](crate::CachePolicy) determines how long the value is
    /// valid.
    ///
    /// If there is no session, the loader runs and nothing is stored: reading creates no session.
    ///
    /// The loader outlives the request, so it has to own what it uses: `move` clones into it. It
    /// runs in the caller's tracing span, but without its task locals. It returns a `Result`:
    /// `Ok::<_, Infallible>(value)` if it cannot fail.
    ///
    /// For cached values only. The compiler refuses state, because it would never be loaded again:
    ///
    /// ```compile_fail,E0080
    /// # use cloakroom::{Session, SessionValue};
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize, SessionValue)]
    /// struct Roles(Vec<String>);
    /// async fn roles(session: Session) {
    ///     // "only a cached value can be loaded, and this type is state: ..."
    ///     let _ = session.get_or_load(|| async { Ok::<_, std::io::Error>(Roles(vec![])) }).await;
    /// }
    /// let _: axum::Router = axum::Router::new().route("/", axum::routing::get(roles));
    /// ```
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError, SessionValue};
    /// # use std::sync::Arc;
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize, SessionValue)]
    /// # #[session(ttl = "1m")]
    /// struct Roles(Vec<String>);
    /// # #[derive(Clone)] struct Db;
    /// # impl Db { async fn roles(&self, _user: i64) -> Result<Roles, std::io::Error> { Ok(Roles(vec![])) } }
    /// async fn roles(session: &Session, db: Db, user: i64) -> Result<Arc<Roles>, SessionError> {
    ///     session.get_or_load(move || async move { db.roles(user).await }).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`LoadFailed`](SessionErrorKind::LoadFailed),
    /// [`LoadTimedOut`](SessionErrorKind::LoadTimedOut) and
    /// [`LoadPanicked`](SessionErrorKind::LoadPanicked), the same for every request that waited;
    /// [`TooManyLoads`](SessionErrorKind::TooManyLoads); [`LoadCycle`](SessionErrorKind::LoadCycle)
    /// for a loader that requests its own value; the errors of a shared tier.
    pub async fn get_or_load<T, L, F>(&self, loader: L) -> Result<Arc<T>, SessionError>
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output: LoadResult<T>> + Send + 'static,
    {
        let loader = || async move { loader().await.boxed().map(Some) };
        let accept = Accept { absence: false, matches: |_: &T| true, input: 0 };
        let found = load(&self.request, accept, loader).await?;
        // The joined load belongs to a `find_or_load`; this loader would have returned a value.
        let none = "the load that this request joined found no value";
        found.ok_or_else(|| SessionError::with_source(SessionErrorKind::LoadFailed, none))
    }

    /// Returns the cached value of type `T`, or loads it from a source that may not have it.
    ///
    /// Like [`get_or_load`](Self::get_or_load), but `None` is cached too, for the policy's
    /// `negative_ttl`.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn find_or_load<T, L, F>(&self, loader: L) -> Result<Option<Arc<T>>, SessionError>
    where
        T: SessionValue,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output: LoadResult<Option<T>>> + Send + 'static,
    {
        let loader = || async move { loader().await.boxed() };
        load(&self.request, Accept { absence: true, matches: |_: &T| true, input: 0 }, loader).await
    }

    /// Logs a principal in. Always gives the client a new token; the old one is dead when this
    /// returns.
    ///
    /// Call it whenever users prove their identity or change it: login, re-authentication,
    /// step-up, impersonation (OWASP ASVS 7.2.4). Values of the anonymous session survive only if
    /// [`Login::keep`] names them. Restarts both lifetimes. Creates the session if there is none.
    ///
    /// # Errors
    /// - [`TooManySessions`](SessionErrorKind::TooManySessions) if the session limit rejects the
    ///   login;
    /// - [`Ended`](SessionErrorKind::Ended) if, while the login was in progress, all sessions of
    ///   the principal were revoked, or newer logins displaced this one;
    /// - [`Full`](SessionErrorKind::Full);
    /// - the errors of a shared tier.
    ///
    /// In these cases, the principal is not logged in.
    pub async fn login(&self, login: impl Into<Login>) -> Result<(), SessionError> {
        let login = login.into();
        self.request.login(login.request()).await
    }

    /// Gives the client a new token as a routine measure. Requests in progress with the old token
    /// work for the configured grace period, and set no cookie.
    ///
    /// Not for logins: there the old token must die at once. If a client never receives the
    /// response, its old token dies at the end of the grace period.
    ///
    /// # Errors
    /// As [`update`](Self::update). The old token then remains valid.
    pub async fn renew(&self) -> Result<(), SessionError> {
        self.request.renew().await
    }

    /// Gives the client a new token because the session's rights change without a login.
    ///
    /// For example another role, a removed second factor, or the end of a support access (OWASP
    /// ASVS 7.2.4). The old token is dead when this returns, even for requests in progress. Nothing
    /// else changes. Does nothing if there is no session.
    ///
    /// If users prove their identity or change it, use [`login`](Self::login). Because a rotation
    /// proves nothing, it accepts the current token only: a token that was [renewed](Self::renew)
    /// and is in its grace period is refused.
    ///
    /// # Errors
    /// As [`update`](Self::update). The old token then remains valid.
    pub async fn rotate(&self) -> Result<(), SessionError> {
        self.request.rotate().await
    }

    /// Reads the session from the shared tier, ignoring the copy in memory, and returns whether it
    /// lives.
    ///
    /// Later reads of this request are no older than this call. For the few places where
    /// milliseconds matter: a copy in memory is outdated until the invalidation of a change
    /// arrives, or until the lease of the store expires if the connection is half dead. Costs one
    /// round trip; none if there is no shared tier.
    /// [`SessionLayer::always_refresh`](crate::SessionLayer::always_refresh) does this for all
    /// requests.
    ///
    /// # Errors
    /// The errors of a shared tier, whatever the layer's
    /// [`OnStoreError`](crate::config::OnStoreError).
    pub async fn refresh(&self) -> Result<bool, SessionError> {
        Ok(self.request.refresh().await?.is_some())
    }

    /// Logs out: ends the session on every node, and tells the client to forget its token.
    ///
    /// Repeating it, or calling it without a session, is harmless. Afterwards, the request is like
    /// one without a token: reads find nothing, and a write starts a new session.
    ///
    /// # Errors
    /// - [`Ended`](SessionErrorKind::Ended) if a login has replaced the client's token meanwhile:
    ///   the session does not belong to this request any more and lives on, and the client is not
    ///   notified;
    /// - [`Ambiguous`](SessionErrorKind::Ambiguous) and
    ///   [`TooManyCookies`](SessionErrorKind::TooManyCookies) if it is unknown which session is
    ///   meant;
    /// - the errors of a shared tier.
    ///
    /// In all these cases the client keeps its token.
    pub async fn destroy(&self) -> Result<(), SessionError> {
        self.request.destroy(EndReason::Logout).await
    }

    /// Ends the session on every node, like [`destroy`](Self::destroy), for a reason other than a
    /// logout: the user was locked, or changed the password elsewhere.
    ///
    /// Events and statistics report it as [`EndReason::Revoked`](crate::EndReason::Revoked), and not
    /// as a logout. From outside of a request, use
    /// [`Sessions::by_id`](crate::Sessions::by_id).
    ///
    /// # Errors
    /// As [`destroy`](Self::destroy).
    pub async fn revoke(&self) -> Result<(), SessionError> {
        self.request.destroy(EndReason::Revoked).await
    }

    /// Applies "remember me" to an existing session: it ends `lifetime` from now, used or not, and
    /// its cookie outlives the browser.
    ///
    /// Never extends the session beyond its present end: only a login restarts the absolute
    /// lifetime. The setting is stored in the session, so it applies whatever other requests do.
    /// [`Login::remember`] gives a session a longer lifetime, because the user has just proved who
    /// they are.
    ///
    /// # Errors
    /// [`Ended`](SessionErrorKind::Ended) if there is no session; otherwise as
    /// [`update`](Self::update).
    pub async fn remember(&self, lifetime: Duration) -> Result<(), SessionError> {
        self.request.remember(lifetime.min(MAX_LIFETIME)).await
    }

    /// Resolves when the session has ended; at once if there is none. For streams and WebSockets,
    /// which must not outlive their session.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// # async fn next_message() {}
    /// async fn stream(session: Session) {
    ///     let mut ended = std::pin::pin!(session.ended());
    ///     loop {
    ///         tokio::select! {
    ///             _reason = &mut ended => break,
    ///             () = next_message() => {}
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// Expiry is noticed within about a second. If a login or [`remember`](Self::remember) has just
    /// shortened the session's lifetime, it is noticed up to 18 minutes late, because the timer
    /// still uses the previous deadline. Requests are not affected: for them every deadline is
    /// exact. Waiting does not count as activity.
    pub fn ended(&self) -> impl Future<Output = EndReason> + Send + use<> {
        ended::ended(self.request.clone())
    }
}

impl PrincipalSessions {
    /// Ends all sessions of the principal except this one: after a password change (OWASP ASVS
    /// 7.4.3). Returns how many ended.
    ///
    /// # Errors
    /// As [`revoke_all`](Self::revoke_all).
    pub async fn revoke_others(&self, kept: &Session) -> Result<usize, SessionError> {
        let kept = kept.request.open_to_write().await?.map(|open| open.entry.selector);
        self.revoke_all_but(kept).await
    }

    /// Drops the cached value of type `T` from all sessions of the principal, for example when its
    /// roles change.
    ///
    /// Returns the number of sessions changed. Loads in progress do not store their results.
    ///
    /// # Errors
    /// As [`revoke_all`](Self::revoke_all). Also, after all other sessions have been changed, if
    /// the record of one cannot be read on this node, although another node may still read it:
    /// [`Decode`](crate::error::SessionErrorKind::Decode), or for sealed records
    /// [`UnknownKey`](crate::error::SessionErrorKind::UnknownKey) or
    /// [`SealBroken`](crate::error::SessionErrorKind::SealBroken).
    pub async fn invalidate<T: SessionValue>(&self) -> Result<usize, SessionError> {
        self.remove_everywhere(key::<T>()).await
    }
}
