//! What can be done with one value of a session.

use std::marker::PhantomData;

use crate::cache::{Edit, Key};
use crate::sessions::{SessionError, SessionErrorKind};
use crate::sync::Arc;
use crate::time::Timestamp;

use super::handle::Handle;
use super::json;
use super::read::{Content, Found, read, ready};
use super::value::{SessionValue, own_key, put};

/// One value of a session, whether it is there or not.
pub(super) struct Target<'a, T> {
    hold: &'a Handle,
    key: Key,
    value: PhantomData<fn() -> T>,
}

impl<'a, T: SessionValue> Target<'a, T> {
    /// The one that a type names.
    pub(super) const fn own(hold: &'a Handle) -> Self {
        Self::new(hold, own_key::<T>())
    }

    pub(super) const fn new(hold: &'a Handle, key: Key) -> Self {
        Self { hold, key, value: PhantomData }
    }

    pub(super) async fn get(&self) -> Result<Option<Arc<T>>, SessionError> {
        if let Some(value) = self.hold.glimpse(|snapshot, now| ready::<T>(self.key.as_str(), snapshot, now)) {
            return Ok(Some(value));
        }
        let Some(open) = self.hold.open_to_read().await? else { return Ok(None) };
        let engine = self.hold.engine();
        Ok(read::<T>(engine, &open, self.key.as_str())?.fresh(engine.now()))
    }

    /// An `Err` of the closure leaves everything as it is.
    pub(super) async fn try_update<R, E>(
        &self,
        mut change: impl FnMut(&mut T) -> Result<R, E> + Send,
    ) -> Result<Result<R, E>, SessionError>
    where
        T: Default,
        R: Send,
        E: Send,
    {
        let engine = self.hold.engine();
        let mut answer = None;
        self.hold
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

    /// The first value of a session that is not there yet. If the closure leaves the default as it is, nothing has to be.
    fn first<R, E>(
        &self,
        change: &mut impl FnMut(&mut T) -> Result<R, E>,
        answer: &mut Option<Result<R, E>>,
        now: Timestamp,
    ) -> Result<Option<Edit>, SessionError>
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

    /// Changes what is there and fresh. `None` if nothing is.
    pub(super) async fn update_present<R: Send>(
        &self,
        mut change: impl FnMut(&mut T) -> R + Send,
    ) -> Result<Option<R>, SessionError> {
        let engine = self.hold.engine();
        let mut answer = None;
        self.hold
            .edit(|open| {
                answer = None;
                let Some(open) = open else { return Ok(None) };
                let now = engine.now();
                let found = read::<T>(engine, open, self.key.as_str())?;
                let (version, fresh_until) = (found.version, found.fresh_until);
                let Some(value) = found.fresh(now) else { return Ok(None) };
                let mut value = T::clone(&value);
                answer = Some(change(&mut value));
                let edit = put(self.key.clone(), Arc::new(value), Some(version), now)?;
                // What the change left alone is as old as it was.
                Ok(Some(Edit { fresh_until: edit.fresh_until.min(fresh_until), ..edit }))
            })
            .await?;
        Ok(answer)
    }

    pub(super) async fn set(&self, value: T) -> Result<(), SessionError> {
        let engine = self.hold.engine();
        let value = Arc::new(value);
        #[cfg(debug_assertions)]
        engine.types.note(T::KEY, std::any::type_name::<T>());
        self.hold.edit(|_| put(self.key.clone(), Arc::clone(&value), None, engine.now()).map(Some)).await?;
        Ok(())
    }

    pub(super) async fn remove(&self) -> Result<bool, SessionError> {
        let engine = self.hold.engine();
        self.hold
            .edit(|open| {
                let Some(open) = open else { return Ok(None) };
                let present = match read::<T>(engine, open, self.key.as_str()) {
                    Ok(Found { content: Content::Nothing | Content::Absent, .. }) => return Ok(None),
                    Ok(found) => Some(found.version),
                    Err(error) if error.kind().is_unreadable() => None,
                    Err(error) => return Err(error),
                };
                Ok(Some(Edit::remove(self.key.clone(), present)))
            })
            .await
    }

    /// Removes what a plain read would show, and nothing else.
    pub(super) async fn take(&self) -> Result<Option<T>, SessionError> {
        let engine = self.hold.engine();
        let mut taken = None;
        self.hold
            .edit(|open| {
                taken = None;
                let Some(open) = open else { return Ok(None) };
                let found = read::<T>(engine, open, self.key.as_str())?;
                let version = found.version;
                taken = found.fresh(engine.now());
                Ok(taken.as_ref().map(|_| Edit::remove(self.key.clone(), Some(version))))
            })
            .await?;
        Ok(taken.map(Arc::unwrap_or_clone))
    }

    /// Also where there is no value: the version that is left behind keeps older loads out.
    pub(super) async fn invalidate(&self) -> Result<(), SessionError> {
        let removal = Edit::remove(self.key.clone(), None);
        self.hold.edit(|open| Ok(open.map(|_| removal.clone()))).await?;
        Ok(())
    }

    fn put(&self, value: T, expect: Option<u64>, now: Timestamp) -> Result<Option<Edit>, SessionError> {
        put(self.key.clone(), Arc::new(value), expect, now).map(Some)
    }
}
