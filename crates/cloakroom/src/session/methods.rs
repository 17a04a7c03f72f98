//! `Session`: the verbs.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::time::Duration;

use crate::application::PrincipalSessions;
use crate::cache::{CodecError, EndReason};
use crate::config::MAX_LIFETIME;
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::Arc;

use super::load::{Accept, load};
use super::login::Login;
use super::value::{SessionValue, key, must_be_cached, must_be_state};
use super::value_target::ValueTarget;
use super::{Session, ended};

impl Session {
    /// The value of type `T`, if the session has one that is fresh. Never creates anything.
    ///
    /// A cached value that cannot be read, for example because another release of its type wrote it, counts as none.
    ///
    /// # Errors
    /// For state, [`Decode`](SessionErrorKind::Decode) if something else is stored under its key; the error's source names
    /// the key. The faults of a shared tier. A client without a session is an answer: `None`. Once this request was shown the
    /// session, its end is not: then all reads say [`Ended`](SessionErrorKind::Ended), as writes do. So they do where the
    /// request shows a token that opens nothing and its layer [rejects](crate::config::OnInvalidToken) that.
    pub async fn get<T: SessionValue>(&self) -> Result<Option<Arc<T>>, SessionError> {
        ValueTarget::own(&self.request).get().await
    }

    /// Changes the value of type `T` atomically, starting from its default where there is none, and
    /// answers what the closure answers.
    ///
    /// The closure runs on the present value, in turn with the other changes of the session in this process; if another
    /// node commits first, it runs again on theirs, so it must have no other effect. When this returns, the change is committed on every tier and no
    /// update of anybody is lost. Creates the session if there is none, unless the closure leaves the default as it is:
    /// a visitor who changes nothing gets no session and no cookie. (What is compared is the encoding.)
    ///
    /// The closure is not async, because it may have to run again, and because other requests of the session wait for it:
    /// fetch what the change needs before. One that may decline is for [`try_update`](Self::try_update).
    ///
    /// For state. The compiler refuses it for a cached value, which it would have to make up where none was loaded:
    /// there, [`update_cached`](Self::update_cached) is right.
    ///
    /// ```compile_fail,E0080
    /// # use cloakroom::{CachePolicy, Session, SessionError, SessionValue};
    /// # #[derive(Clone, Default, serde::Serialize, serde::Deserialize)]
    /// struct Preferences { page_size: u32 }
    /// impl SessionValue for Preferences {
    ///     const KEY: &'static str = "preferences";
    ///     const CACHE: CachePolicy = CachePolicy::ttl(std::time::Duration::from_secs(60));
    /// }
    /// async fn resize(session: Session) {
    ///     // "this type is a cached value, for which a default must not be made up: use `update_cached` ..."
    ///     let _ = session.update(|preferences: &mut Preferences| preferences.page_size = 50).await;
    /// }
    /// let _: axum::Router = axum::Router::new().route("/", axum::routing::post(resize));
    /// ```
    ///
    /// # Errors
    /// [`Ended`](SessionErrorKind::Ended) if the session ended or the token was replaced since the
    /// request began; [`Ambiguous`](SessionErrorKind::Ambiguous) and [`TooManyCookies`](SessionErrorKind::TooManyCookies) if
    /// the request shows several tokens, or may; [`Conflict`](SessionErrorKind::Conflict) if other nodes keep winning for
    /// [`conflict_timeout`](crate::application::SessionsBuilder::conflict_timeout);
    /// [`TooLarge`](SessionErrorKind::TooLarge); [`Full`](SessionErrorKind::Full);
    /// the faults of a shared tier. Nothing is changed then, unless the error says
    /// [`OutcomeUnknown`](SessionErrorKind::OutcomeUnknown): the change may have been made, once.
    pub async fn update<T, R>(&self, mut change: impl FnMut(&mut T) -> R + Send) -> Result<R, SessionError>
    where
        T: SessionValue + Default,
        R: Send,
    {
        const { must_be_state::<T>() };
        let changed = ValueTarget::own(&self.request).try_update(|value| Ok::<R, Infallible>(change(value))).await?;
        Ok(changed.unwrap_or_else(|never| match never {}))
    }

    /// Like [`update`](Self::update), with a closure that may decline: where it answers `Err`, nothing is changed and
    /// nothing is created, whatever it did to the value before.
    ///
    /// The outer result says whether the session could be asked, the inner one is the closure's answer.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError, SessionValue};
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Clone, Default, Serialize, Deserialize)]
    /// struct Cart { items: Vec<String> }
    /// # impl SessionValue for Cart { const KEY: &'static str = "cart"; }
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

    /// Changes the cached value of type `T` atomically, if there is a fresh one, and answers what the closure answers;
    /// `None` where there is none that may be changed: it was never loaded, its time is over, or it was invalidated.
    ///
    /// Nothing is made up, and the value gets no younger: it is loaded again when it would have been without the change.
    /// For a change that was just written to the source as well; where `None` is the answer there is nothing left to do, as the
    /// next read loads it from there.
    ///
    /// ```
    /// use cloakroom::{CachePolicy, Session, SessionError, SessionValue};
    /// # use std::time::Duration;
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Preferences { page_size: u32 }
    /// # impl SessionValue for Preferences {
    /// #     const KEY: &'static str = "preferences";
    /// #     const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(300));
    /// # }
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
    /// Two requests that set the same value both succeed and the later one stays. Use
    /// [`update`](Self::update) wherever the new value depends on the old one.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn set<T: SessionValue>(&self, value: T) -> Result<(), SessionError> {
        ValueTarget::own(&self.request).set(value).await
    }

    /// Removes the value of type `T`. Answers whether there was one; if not, nothing is written.
    ///
    /// # Errors
    /// As [`update`](Self::update), except that it also removes what does not decode or does not open.
    pub async fn remove<T: SessionValue>(&self) -> Result<bool, SessionError> {
        ValueTarget::<T>::own(&self.request).remove().await
    }

    /// Removes the value of type `T` and answers it, in one step: of any number of requests that do so at once, on however
    /// many nodes, one gets it. `None` where there is none; then nothing is written, and no session is created.
    ///
    /// ```
    /// use cloakroom::{Session, SessionError, SessionValue};
    ///
    /// /// Shown once, on the next page.
    /// #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Flash(String);
    /// impl SessionValue for Flash { const KEY: &'static str = "flash"; }
    ///
    /// async fn banner(session: &Session) -> Result<String, SessionError> {
    ///     Ok(session.take::<Flash>().await?.map_or_else(String::new, |Flash(text)| text))
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`update`](Self::update), and as [`get`](Self::get). After [`OutcomeUnknown`](SessionErrorKind::OutcomeUnknown) the
    /// value may be gone without anybody having got it.
    pub async fn take<T: SessionValue>(&self) -> Result<Option<T>, SessionError> {
        ValueTarget::own(&self.request).take().await
    }

    /// Removes all values in one commit and keeps the session, its token and its login. Answers whether there was anything to
    /// remove; if not, nothing is written.
    ///
    /// What another request writes at the same time is removed too or comes after it. Loads that are under way do not install.
    ///
    /// # Errors
    /// As [`update`](Self::update), except that it also removes what does not decode or does not open.
    pub async fn clear(&self) -> Result<bool, SessionError> {
        self.request.clear().await
    }

    /// Drops the cached value of type `T`, so that the next read loads it again. A load that is
    /// under way is not waited for and does not install. Does nothing where there is no session.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub async fn invalidate<T: SessionValue>(&self) -> Result<(), SessionError> {
        ValueTarget::<T>::own(&self.request).invalidate().await
    }

    /// The cached value of type `T`; loaded, and kept in the session, where there is none that may be used.
    ///
    /// The loader runs detached, so a client that hangs up wastes nothing, and at most once for all
    /// requests of the session that want the value. A request never waits for a load that began
    /// before a write or an invalidation it knows of, and such a load never overwrites anything.
    /// How long the value is good for is the type's [`CachePolicy`](crate::CachePolicy).
    ///
    /// Where there is no session, the loader runs and nothing is kept: reading creates no session.
    ///
    /// The loader outlives the request, so it owns what it uses: `move` clones into it. It runs in the caller's tracing span;
    /// task locals are not there. It answers a `Result`: `Ok::<_, Infallible>(value)` where it cannot fail.
    ///
    /// For cached values. The compiler refuses it for state, which nobody would ever load again:
    ///
    /// ```compile_fail,E0080
    /// # use cloakroom::{Session, SessionValue};
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Roles(Vec<String>);
    /// impl SessionValue for Roles { const KEY: &'static str = "roles"; }
    /// async fn roles(session: Session) {
    ///     // "only a cached value can be loaded, and this type is state: give its `impl SessionValue` a `CACHE` policy ..."
    ///     let _ = session.get_or_load(|| async { Ok::<_, std::io::Error>(Roles(vec![])) }).await;
    /// }
    /// let _: axum::Router = axum::Router::new().route("/", axum::routing::get(roles));
    /// ```
    ///
    /// ```
    /// # use cloakroom::{CachePolicy, Session, SessionError, SessionValue};
    /// # use std::{sync::Arc, time::Duration};
    /// # #[derive(Clone, serde::Serialize, serde::Deserialize)]
    /// struct Roles(Vec<String>);
    /// # impl SessionValue for Roles {
    /// #     const KEY: &'static str = "roles";
    /// #     const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(60));
    /// # }
    /// # #[derive(Clone)] struct Db;
    /// # impl Db { async fn roles(&self, _user: i64) -> Result<Roles, std::io::Error> { Ok(Roles(vec![])) } }
    /// async fn roles(session: &Session, db: Db, user: i64) -> Result<Arc<Roles>, SessionError> {
    ///     session.get_or_load(move || async move { db.roles(user).await }).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`LoadFailed`](SessionErrorKind::LoadFailed), [`LoadTimedOut`](SessionErrorKind::LoadTimedOut)
    /// and [`LoadPanicked`](SessionErrorKind::LoadPanicked), the same for every request that waited;
    /// [`TooManyLoads`](SessionErrorKind::TooManyLoads); [`LoadCycle`](SessionErrorKind::LoadCycle) for a loader that asks for its
    /// own value; the faults of a shared tier.
    pub async fn get_or_load<T, E, L, F>(&self, loader: L) -> Result<Arc<T>, SessionError>
    where
        T: SessionValue,
        E: Into<Box<dyn Error + Send + Sync>>,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<T, E>> + Send + 'static,
    {
        let loader = || async move { loader().await.map(Some).map_err(Into::into) };
        let taking = Accept { absence: false, matches: |_: &T| true, input: 0 };
        let found = load(&self.request, taking, loader).await?;
        // The load that was joined belongs to a `find_or_load`; this loader would have had an answer.
        let none = "a load that was joined found no such value";
        found.ok_or_else(|| SessionError::with_source(SessionErrorKind::LoadFailed, none))
    }

    /// Like [`get_or_load`](Self::get_or_load), for a source that may not have the value: `None` is
    /// kept too, for the policy's `negative_ttl`.
    ///
    /// # Errors
    /// As [`get_or_load`](Self::get_or_load).
    pub async fn find_or_load<T, E, L, F>(&self, loader: L) -> Result<Option<Arc<T>>, SessionError>
    where
        T: SessionValue,
        E: Into<Box<dyn Error + Send + Sync>>,
        L: FnOnce() -> F + Send + 'static,
        F: Future<Output = Result<Option<T>, E>> + Send + 'static,
    {
        let loader = || async move { loader().await.map_err(|error| -> CodecError { error.into() }) };
        load(&self.request, Accept { absence: true, matches: |_: &T| true, input: 0 }, loader).await
    }

    /// Logs a principal in. Always gives the client a new token; the old one is dead when this returns.
    ///
    /// Call it whenever somebody proves who he is or becomes somebody else: login, re-authentication, step-up,
    /// impersonation (OWASP ASVS 7.2.4). Values of the anonymous session survive only if
    /// [`Login::keep`] names them. Restarts both lifetimes. Creates the session if there is none.
    ///
    /// # Errors
    /// [`TooManySessions`](SessionErrorKind::TooManySessions) if the limit rejects it;
    /// [`Ended`](SessionErrorKind::Ended) if all sessions of the principal were revoked, or newer logins took this
    /// one's place, while it was under way; [`Full`](SessionErrorKind::Full); the faults of a shared tier. Nobody is logged in then.
    pub async fn login(&self, login: impl Into<Login>) -> Result<(), SessionError> {
        let login = login.into();
        self.request.login(login.request()).await
    }

    /// Gives the client a new token as a matter of routine. Requests that are under way with the old
    /// one work for the grace that the configuration allows, and set no cookie.
    ///
    /// Not for logins: there the old token must die at once. If a client never receives the answer,
    /// its old token dies with the grace.
    ///
    /// # Errors
    /// As [`update`](Self::update). The old token stays good then.
    pub async fn renew(&self) -> Result<(), SessionError> {
        self.request.renew().await
    }

    /// Gives the client a new token because the rights of the session change without a login: another role, a
    /// second factor that was taken away, the end of a support access (OWASP ASVS 7.2.4). The old token is dead when
    /// this returns, also for requests that are under way. Nothing else changes; where there is no session, nothing does.
    ///
    /// Where somebody proves who he is, or becomes somebody else, [`login`](Self::login) is right. As this proves nothing, it
    /// takes the present token only: with one that was [renewed](Self::renew), in its grace, it is refused.
    ///
    /// # Errors
    /// As [`update`](Self::update). The old token stays good then.
    pub async fn rotate(&self) -> Result<(), SessionError> {
        self.request.rotate().await
    }

    /// Asks the shared tier what is in the session now, whatever is in memory, and answers whether it lives. What
    /// this request reads afterwards is no older than this call.
    ///
    /// For the few places where milliseconds matter: a copy in memory is as old as the news of a change are on
    /// their way, or as the lease of its store when a line is half dead. Costs one round trip; none where
    /// there is no shared tier. [`SessionLayer::always_refresh`](crate::SessionLayer::always_refresh) does it for all requests.
    ///
    /// # Errors
    /// The faults of a shared tier, whatever the layer says about them.
    pub async fn refresh(&self) -> Result<bool, SessionError> {
        Ok(self.request.refresh().await?.is_some())
    }

    /// Logs out: the session is over on every node, and the client is told to forget its token.
    ///
    /// Repeating it is harmless, and so is calling it where there is no session. After it, the request is like one
    /// without a token: reads find nothing, and a write starts a new session.
    ///
    /// # Errors
    /// [`Ended`](SessionErrorKind::Ended) where a login has replaced the client's token meanwhile: the session is not this
    /// request's to end any more and lives on, and the client is told nothing.
    /// [`Ambiguous`](SessionErrorKind::Ambiguous) and [`TooManyCookies`](SessionErrorKind::TooManyCookies) where it is not
    /// known which session is meant. The faults of a shared tier. In all cases the client keeps its token.
    pub async fn destroy(&self) -> Result<(), SessionError> {
        self.request.destroy().await
    }

    /// "Remember me" for a session that exists: it ends after `lifetime` from now, whether it is used or not, and its
    /// cookie outlives the browser. Never later than it would have ended: only a login starts its absolute lifetime
    /// anew.
    ///
    /// Stored in the session, so it holds whatever other requests do. [`Login::remember`] gives a session a longer
    /// lifetime, because somebody has just proved who he is.
    ///
    /// # Errors
    /// [`Ended`](SessionErrorKind::Ended) if there is no session; otherwise as [`update`](Self::update).
    pub async fn remember(&self, lifetime: Duration) -> Result<(), SessionError> {
        self.request.remember(lifetime.min(MAX_LIFETIME)).await
    }

    /// Resolves when the session is over, at once if there is none: for streams and WebSockets,
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
    /// Expiry is noticed within a second or so; where a login or [`remember`](Self::remember) has just shortened the
    /// session's lifetime, up to 18 minutes late, because the timer goes by the deadline that it knew.
    /// Requests are not concerned: for them every deadline is exact. Waiting does not count as activity.
    pub fn ended(&self) -> impl Future<Output = EndReason> + Send + use<> {
        ended::ended(self.request.clone())
    }
}

impl PrincipalSessions {
    /// Ends all sessions of the principal but this one: after a change of password
    /// (OWASP ASVS 7.4.3). Answers how many there were.
    ///
    /// # Errors
    /// As [`revoke_all`](Self::revoke_all).
    pub async fn revoke_others(&self, kept: &Session) -> Result<usize, SessionError> {
        let kept = kept.request.open_to_write().await?.map(|(entry, _)| entry.selector);
        self.revoke_all_but(kept).await
    }

    /// Drops the cached value of type `T` from all sessions of the principal, for example when its
    /// roles change. Answers from how many. Loads that are under way do not install.
    ///
    /// # Errors
    /// As [`revoke_all`](Self::revoke_all). And once all others have lost it, when the record of one does not read here, where
    /// another node may still read it: [`Decode`](crate::error::SessionErrorKind::Decode), or of sealed ones
    /// [`UnknownKey`](crate::error::SessionErrorKind::UnknownKey) or [`SealBroken`](crate::error::SessionErrorKind::SealBroken).
    pub async fn invalidate<T: SessionValue>(&self) -> Result<usize, SessionError> {
        self.remove_everywhere(key::<T>()).await
    }
}
