//! The session of one request, as the store of its `tower_sessions::Session`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use cloakroom::{Login, Principal, Session, SessionError, SessionErrorKind};
use parking_lot::Mutex;
use time::OffsetDateTime;
use tower_sessions_core::session::{Id, Record};
use tower_sessions_core::session_store::{Error, Result};
use tower_sessions_core::{Expiry, SessionStore};

use crate::Data;
use crate::changes::changes;
use crate::layer::PrincipalOf;
use crate::lifetime::lifetime;
use crate::login_state::LoginStep;
use crate::value_key::{PREFIX, from_stored};

/// The store of one request, which has one session.
///
/// The ids that it is asked for name nothing: the token of the request decides which session it is.
pub(crate) struct RequestStore {
    session: Session,
    principal_of: Option<PrincipalOf>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The data as this request last read or wrote it. `None` if it did neither.
    stored: Option<Data>,
    /// The session that handlers use, while the request is in progress.
    handlers: Option<tower_sessions_core::Session>,
    /// The expiry that was applied last.
    applied: Option<Expiry>,
    is_deleted: bool,
    /// `true` from `cycle_id` until the token is replaced.
    is_cycling: bool,
    failure: Option<SessionErrorKind>,
}

impl RequestStore {
    pub(crate) fn new(session: Session, principal_of: Option<PrincipalOf>) -> Self {
        Self { session, principal_of, state: Mutex::default() }
    }

    /// Returns the id of the session that the request's token names.
    ///
    /// A rendering of its public id: no credential, and the same after a rotation.
    pub(crate) fn id(&self) -> Option<Id> {
        let id = u128::from_str_radix(&self.session.named_id()?.to_string(), 16).ok()?;
        Some(Id(id.cast_signed()))
    }

    /// Makes the session of the handlers known to the store, for as long as the returned value
    /// lives.
    ///
    /// Each of the two owns the other, so this has to end.
    pub(crate) fn begin(self: &Arc<Self>, handlers: tower_sessions_core::Session) -> InProgress {
        self.state.lock().handlers = Some(handlers);
        InProgress(Arc::clone(self))
    }

    /// Returns the data of the live session. `None` if there is none.
    async fn read(&self) -> std::result::Result<Option<Data>, SessionError> {
        let values = self.session.json_values(PREFIX).await?;
        Ok(values.map(|values| values.into_iter().filter_map(|(name, stored)| from_stored(&name, stored)).collect()))
    }

    /// Writes the keys that changed since this request read or wrote them.
    async fn write(&self, data: &Data) -> std::result::Result<(), SessionError> {
        let stored = self.state.lock().stored.clone();
        let mut before = match stored {
            Some(stored) => stored,
            // `clear` was called first, which empties a session that was never read.
            None => self.read().await?.unwrap_or_default(),
        };
        let lifetime = self.new_lifetime();
        if lifetime.is_some_and(|lifetime| lifetime.is_zero()) {
            return self.session.destroy().await;
        }
        match LoginStep::towards(data, self.principal_of.as_ref(), &self.session).await? {
            LoginStep::None => self.finish_cycle().await?,
            LoginStep::LogIn { principal, replaces } => {
                self.log_in(principal, lifetime).await?;
                self.state.lock().is_cycling = false;
                if replaces {
                    before.clear();
                }
            }
            LoginStep::LogOut => {
                self.session.destroy().await?;
                before.clear();
            }
        }
        self.session.change_json_values(changes(&before, data)).await?;
        self.apply_lifetime(lifetime).await?;
        self.state.lock().stored = Some(data.clone());
        Ok(())
    }

    /// Logs in, and keeps the data of an anonymous session, as `cycle_id` does.
    async fn log_in(&self, principal: Principal, lifetime: Option<Duration>) -> std::result::Result<(), SessionError> {
        // By their prefix and not by name: another login may have replaced the token, which then
        // shows no names any more.
        let mut login = Login::new(principal).keep_prefixed(PREFIX);
        if let Some(lifetime) = lifetime {
            login = login.remember(lifetime);
        }
        self.session.login(login).await
    }

    /// Replaces the token if `cycle_id` was called and nothing has replaced it since.
    ///
    /// Not at once, because `cycle_id` usually comes before a login, which replaces the token itself.
    /// If both did, a parallel login would not recognise its own token as the one that was replaced.
    ///
    /// If another request has just replaced it, the old one is dead, which is all that is asked
    /// for: a write finds out whether this request may go on.
    async fn finish_cycle(&self) -> std::result::Result<(), SessionError> {
        if !std::mem::take(&mut self.state.lock().is_cycling) {
            return Ok(());
        }
        match self.session.rotate().await {
            Err(error) if error.kind() == SessionErrorKind::Ended => Ok(()),
            rotated => rotated,
        }
    }

    /// Returns the lifetime that the request gave the session since the last write.
    fn new_lifetime(&self) -> Option<Duration> {
        let state = self.state.lock();
        let expiry = state.handlers.as_ref()?.expiry()?;
        (state.applied != Some(expiry)).then(|| lifetime(expiry, OffsetDateTime::now_utc())).flatten()
    }

    async fn apply_lifetime(&self, lifetime: Option<Duration>) -> std::result::Result<(), SessionError> {
        let Some(lifetime) = lifetime else { return Ok(()) };
        // Without data there may be no session.
        if self.session.named_id().is_some() {
            self.session.remember(lifetime).await?;
        }
        let mut state = self.state.lock();
        state.applied = state.handlers.as_ref().and_then(tower_sessions_core::Session::expiry);
        Ok(())
    }

    /// Finishes a request after which nothing is saved.
    pub(crate) async fn finish(&self) -> Result<()> {
        self.finish_cycle().await.map_err(|error| self.failed(&error))
    }

    /// Returns `true` if `delete` was called by `cycle_id`, which has taken the id from the session
    /// then. `flush` and `delete` have not.
    fn is_called_by_cycle_id(&self) -> bool {
        self.state.lock().handlers.as_ref().is_some_and(|handlers| handlers.id().is_none())
    }

    fn failed(&self, error: &SessionError) -> Error {
        self.state.lock().failure = Some(error.kind());
        let message = format!("{error:?}");
        match error.kind() {
            SessionErrorKind::Encode => Error::Encode(message),
            SessionErrorKind::Decode => Error::Decode(message),
            _ => Error::Backend(message),
        }
    }
}

#[async_trait]
impl SessionStore for RequestStore {
    async fn create(&self, record: &mut Record) -> Result<()> {
        self.state.lock().is_deleted = false;
        self.write(&record.data).await.map_err(|error| self.failed(&error))?;
        record.id = self.id().unwrap_or(record.id);
        Ok(())
    }

    async fn save(&self, record: &Record) -> Result<()> {
        // The session keeps its id after `delete`, but a session that was deleted must not come
        // back.
        if self.state.lock().is_deleted {
            return Ok(());
        }
        self.write(&record.data).await.map_err(|error| self.failed(&error))
    }

    async fn load(&self, id: &Id) -> Result<Option<Record>> {
        let data = self.read().await.map_err(|error| self.failed(&error))?;
        self.state.lock().stored = Some(data.clone().unwrap_or_default());
        // Nothing reads the date: it is computed again before each write.
        Ok(data.map(|data| Record { id: *id, data, expiry_date: OffsetDateTime::now_utc() }))
    }

    async fn delete(&self, _: &Id) -> Result<()> {
        if self.is_called_by_cycle_id() {
            self.state.lock().is_cycling = true;
            return Ok(());
        }
        self.session.destroy().await.map_err(|error| self.failed(&error))?;
        let mut state = self.state.lock();
        state.is_deleted = true;
        state.stored = Some(Data::new());
        Ok(())
    }
}

/// Omits the data.
impl fmt::Debug for RequestStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestStore").finish_non_exhaustive()
    }
}

/// A request in progress, whose store knows the session of its handlers.
pub(crate) struct InProgress(Arc<RequestStore>);

impl InProgress {
    /// Returns why the last access failed.
    pub(crate) fn failure(&self) -> Option<SessionErrorKind> {
        self.0.state.lock().failure
    }
}

impl Drop for InProgress {
    fn drop(&mut self) {
        let handlers = self.0.state.lock().handlers.take();
        drop(handlers);
    }
}
