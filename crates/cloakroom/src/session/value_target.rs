//! Operations on one value of a session.

use std::marker::PhantomData;

use crate::cache::{ValueEdit, ValueKey};
use crate::error::{SessionError, SessionErrorKind};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::json;
use super::request::RequestSession;
use super::typed_value::{TypedValue, ValueContent, read, read_cached};
use super::value::{SessionValue, edit_for, own_key};

/// One value of a session, whether it exists or not.
pub(super) struct ValueTarget<'a, T> {
    request: &'a RequestSession,
    key: ValueKey,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: SessionValue> ValueTarget<'a, T> {
    /// The value under the type's own key.
    pub(super) const fn own(request: &'a RequestSession) -> Self {
        Self::new(request, own_key::<T>())
    }

    pub(super) const fn new(request: &'a RequestSession, key: ValueKey) -> Self {
        Self { request, key, value: PhantomData }
    }

    pub(super) async fn get(&self) -> Result<Option<Arc<T>>, SessionError> {
        if let Some(value) = self.request.try_read(|snapshot, now| read_cached::<T>(self.key.as_str(), snapshot, now)) {
            return Ok(Some(value));
        }
        // Boxed, so that the futures of handlers have no room for what hardly any of them does.
        Box::pin(self.open_and_get()).await
    }

    async fn open_and_get(&self) -> Result<Option<Arc<T>>, SessionError> {
        let Some(open) = self.request.open_to_read().await? else { return Ok(None) };
        let engine = self.request.engine();
        Ok(read::<T>(engine, &open, self.key.as_str())?.fresh(engine.now()))
    }

    /// Changes the value; if the closure returns `Err`, nothing is changed.
    pub(super) async fn try_update<R, E>(
        &self,
        mut change: impl FnMut(&mut T) -> Result<R, E> + Send,
    ) -> Result<Result<R, E>, SessionError>
    where
        T: Default,
        R: Send,
        E: Send,
    {
        let engine = self.request.engine();
        let mut answer = None;
        self.request
            .edit(|open| {
                let now = engine.now();
                let Some(open) = open else { return self.first(&mut change, &mut answer, now) };
                let found = read::<T>(engine, open, self.key.as_str())?;
                let version = found.version;
                let mut value = found.fresh(now).map_or_else(T::default, |value| T::clone(&value));
                let outcome = change(&mut value);
                let declined = outcome.is_err();
                answer = Some(outcome);
                if declined { Ok(None) } else { self.put(value, Some(version), now) }
            })
            .await?;
        answer.ok_or_else(|| SessionError::new(SessionErrorKind::Conflict))
    }

    /// Returns the first value of a session that does not exist yet; `None` if the closure leaves
    /// the default unchanged.
    fn first<R, E>(
        &self,
        change: &mut impl FnMut(&mut T) -> Result<R, E>,
        answer: &mut Option<Result<R, E>>,
        now: Timestamp,
    ) -> Result<Option<ValueEdit>, SessionError>
    where
        T: Default,
    {
        let mut value = T::default();
        let before = json::encode(&value).ok();
        let outcome = change(&mut value);
        let declined = outcome.is_err();
        *answer = Some(outcome);
        if declined || before.is_some() && before == json::encode(&value).ok() {
            return Ok(None);
        }
        self.put(value, Some(0), now)
    }

    /// Changes the value if it is present and fresh. `None` if it is not.
    pub(super) async fn update_present<R: Send>(
        &self,
        mut change: impl FnMut(&mut T) -> R + Send,
    ) -> Result<Option<R>, SessionError> {
        let engine = self.request.engine();
        let mut answer = None;
        self.request
            .edit(|open| {
                answer = None;
                let Some(open) = open else { return Ok(None) };
                let now = engine.now();
                let found = read::<T>(engine, open, self.key.as_str())?;
                let (version, fresh_until) = (found.version, found.fresh_until);
                let Some(value) = found.fresh(now) else { return Ok(None) };
                let mut value = T::clone(&value);
                answer = Some(change(&mut value));
                let edit = edit_for(self.request.engine(), self.key.clone(), Arc::new(value), Some(version), now)?;
                // The change does not make the rest of the value any younger.
                Ok(Some(ValueEdit { fresh_until: edit.fresh_until.min(fresh_until), ..edit }))
            })
            .await?;
        Ok(answer)
    }

    pub(super) async fn set(&self, value: T) -> Result<(), SessionError> {
        let engine = self.request.engine();
        let value = Arc::new(value);
        #[cfg(debug_assertions)]
        engine.register_type::<T>(T::KEY);
        self.request
            .edit(|_| {
                edit_for(self.request.engine(), self.key.clone(), Arc::clone(&value), None, engine.now()).map(Some)
            })
            .await?;
        Ok(())
    }

    pub(super) async fn remove(&self) -> Result<bool, SessionError> {
        let engine = self.request.engine();
        self.request
            .edit(|open| {
                let Some(open) = open else { return Ok(None) };
                let present = match read::<T>(engine, open, self.key.as_str()) {
                    Ok(TypedValue { content: ValueContent::Missing | ValueContent::Absent, .. }) => return Ok(None),
                    Ok(found) => Some(found.version),
                    Err(error) if error.kind().is_unreadable() => None,
                    Err(error) => return Err(error),
                };
                Ok(Some(ValueEdit::remove(self.key.clone(), present)))
            })
            .await
    }

    /// Removes what a plain read would return, and nothing else.
    pub(super) async fn take(&self) -> Result<Option<T>, SessionError> {
        let engine = self.request.engine();
        let mut taken = None;
        self.request
            .edit(|open| {
                taken = None;
                let Some(open) = open else { return Ok(None) };
                let found = read::<T>(engine, open, self.key.as_str())?;
                let version = found.version;
                taken = found.fresh(engine.now());
                Ok(taken.as_ref().map(|_| ValueEdit::remove(self.key.clone(), Some(version))))
            })
            .await?;
        Ok(taken.map(Arc::unwrap_or_clone))
    }

    /// Also writes a removal if there is no value: the version it leaves behind rejects older
    /// loads.
    pub(super) async fn invalidate(&self) -> Result<(), SessionError> {
        let removal = ValueEdit::remove(self.key.clone(), None);
        self.request.edit(|open| Ok(open.map(|_| removal.clone()))).await?;
        Ok(())
    }

    fn put(&self, value: T, expect: Option<u64>, now: Timestamp) -> Result<Option<ValueEdit>, SessionError> {
        edit_for(self.request.engine(), self.key.clone(), Arc::new(value), expect, now).map(Some)
    }
}
