//! Asking the levels, from the nearest outwards, and noting who answered.

use std::sync::Arc;
use std::time::Instant;

use cloakroom::SessionValue;
use tokio::sync::OnceCell;

use super::RequestContext;
use crate::db::{Db, DbError, Meter};
use crate::error::ShopError;
use crate::shop::Sources;
use crate::trace::Entry;

/// A cached value of the session: it has a source elsewhere, and a price for asking there.
pub(crate) trait Loaded: SessionValue {
    /// How many database queries a load takes when no cache helps.
    const QUERIES: u32;
}

impl RequestContext {
    /// The request level: the value in `state`, or the answer to `ask`, which then stays.
    pub(crate) async fn once<T, F, A>(
        &self,
        value: &'static str,
        price: u32,
        slot: &OnceCell<Arc<T>>,
        ask: F,
    ) -> Result<Arc<T>, ShopError>
    where
        F: FnOnce(Meter) -> A,
        A: Future<Output = Result<Arc<T>, ShopError>>,
    {
        let began = Instant::now();
        if let Some(known) = slot.get() {
            self.trace().note(Entry::repeated(value, price, began.elapsed()));
            return Ok(Arc::clone(known));
        }
        let meter = Meter::default();
        let answer = slot.get_or_try_init(|| ask(meter.clone())).await?;
        self.trace().note(Entry::measured(value, &meter, price, began.elapsed()));
        Ok(Arc::clone(answer))
    }

    /// The session level behind the request level: Cloakroom's cached value, or what `load` fetches
    /// for it. With `--no-session-cache`, `load` is asked directly.
    pub(crate) async fn cached<T, F, L>(&self, slot: &OnceCell<Arc<T>>, load: F) -> Result<Arc<T>, ShopError>
    where
        T: Loaded,
        F: FnOnce(Sources) -> L + Send + 'static,
        L: Future<Output = Result<T, Arc<DbError>>> + Send + 'static,
    {
        self.once(T::KEY, T::QUERIES, slot, |meter| async move {
            let sources = self.shop().sources(&meter);
            if !self.shop().session_cache() {
                return Ok(Arc::new(load(sources).await?));
            }
            Ok(self.session().get_or_load(move || load(sources)).await?)
        })
        .await
    }

    /// The session's own state, or its default; reading it creates no session.
    ///
    /// `inner` takes from it what the slot keeps, where guests and users keep the same in different ways.
    pub(crate) async fn state<S, T>(
        &self,
        value: &'static str,
        slot: &OnceCell<Arc<T>>,
        inner: fn(&S) -> T,
    ) -> Result<Arc<T>, ShopError>
    where
        S: SessionValue,
        T: Default,
    {
        let began = Instant::now();
        if let Some(known) = slot.get() {
            self.trace().note(Entry::repeated(value, 0, began.elapsed()));
            return Ok(Arc::clone(known));
        }
        let state = self.session().get::<S>().await?;
        self.trace().note(Entry::state(value, state.is_some(), began.elapsed()));
        let answer = Arc::new(state.map_or_else(T::default, |state| inner(&state)));
        Ok(Arc::clone(slot.get_or_init(|| async { answer }).await))
    }

    /// A change of the session's state, noted as `what`.
    pub(crate) async fn change<R, E: Into<ShopError>>(
        &self,
        what: &'static str,
        change: impl Future<Output = Result<R, E>>,
    ) -> Result<R, ShopError> {
        let began = Instant::now();
        let result = change.await.map_err(Into::into)?;
        self.trace().note(Entry::measured(what, &Meter::default(), 0, began.elapsed()));
        Ok(result)
    }

    /// What has to be asked from the database itself, such as anything written, noted as `what`.
    pub(crate) async fn database<R, F, Q>(&self, what: &'static str, query: F) -> Result<R, ShopError>
    where
        F: FnOnce(Db) -> Q,
        Q: Future<Output = Result<R, DbError>>,
    {
        let (began, meter) = (Instant::now(), Meter::default());
        let result = query(self.shop().db().metered(meter.clone())).await?;
        self.trace().note(Entry::measured(what, &meter, 0, began.elapsed()));
        Ok(result)
    }
}
