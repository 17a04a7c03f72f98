//! The switch "with / without session cache", and what a page does without.
//!
//! Without it, the shop works as many applications do: each request reads what it needs to know about
//! its visitor from the database. The session keeps the same values meanwhile, so that nothing is
//! lost when the visitor switches back.

use std::sync::Arc;

use axum::Form;
use axum::response::Response;
use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

use crate::cart::Cart;
use crate::error::{Problem, ShopError};
use crate::history::GuestHistory;
use crate::pages::Back;
use crate::preferences::GuestPreferences;
use crate::request_context::RequestContext;
use crate::trace::Meter;

/// How often a value is saved again because another request changed it meanwhile.
const MAX_TURNS: u32 = 10;

/// The choice of one visitor.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, SessionValue)]
#[session(key = "session-cache")]
pub(crate) struct SessionCache {
    on: bool,
}

/// The choice in effect, for the rest of the request.
#[derive(Clone, Copy)]
struct InEffect(bool);

impl RequestContext {
    /// Returns `true` if this visitor's values are read from the session.
    pub(crate) async fn has_session_cache(&self) -> Result<bool, ShopError> {
        if let Some(InEffect(on)) = self.memo.get() {
            return Ok(on);
        }
        let on = self.session.get::<SessionCache>().await?.map_or(self.shop.session_cache, |choice| choice.on);
        self.memo.insert(InEffect(on));
        Ok(on)
    }

    /// Reads state of the session, from the database if the visitor has switched the cache off.
    pub(crate) async fn read_state<S: SessionValue>(&self, meter: &Meter) -> Result<Option<Arc<S>>, ShopError> {
        let kept = self.session.get::<S>().await?;
        let (false, Some(id)) = (self.has_session_cache().await?, self.session.public_id().await?) else {
            return Ok(kept);
        };
        let stored = self.shop.db().metered(meter.clone()).session_value(&id.to_string(), S::KEY).await?;
        // The session is right if the database has nothing, or something of another version of the shop.
        Ok(stored.and_then(|json| serde_json::from_str(&json).ok()).map(Arc::new).or(kept))
    }

    /// Copies state of the session to the database if the visitor has switched the cache off. Call it
    /// after each change.
    pub(crate) async fn save_state<S: SessionValue>(&self) -> Result<(), ShopError> {
        let (false, Some(id)) = (self.has_session_cache().await?, self.session.public_id().await?) else {
            return Ok(());
        };
        let id = &*id.to_string();
        let mut saved = None;
        // A parallel request may have saved an older state in between: the last to save must save the
        // newest.
        for _ in 0..MAX_TURNS {
            let json = self.session.get::<S>().await?.map(|state| serde_json::to_string(&*state)).transpose()?;
            if json == saved {
                break;
            }
            let Some(text) = &json else { break };
            self.database(S::KEY, |db| async move { db.save_session_value(id, S::KEY, text).await }).await?;
            saved = json;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
pub(crate) struct SwitchForm {
    cache: String,
    #[serde(default)]
    back: Back,
}

/// `POST /session-cache` with the fields `cache` (`with` or `without`) and `back`
pub(crate) async fn switch(ctx: RequestContext, Form(form): Form<SwitchForm>) -> Result<Response, ShopError> {
    let on = match form.cache.as_str() {
        "with" => true,
        "without" => false,
        _ => return Err(Problem::BadInput("cache must be with or without").into()),
    };
    // A visitor without a session has the default already, and needs no session for it.
    if on != ctx.shop.session_cache || ctx.has_session().await? {
        ctx.change("session-cache", ctx.session.set(SessionCache { on })).await?;
        ctx.memo.insert(InEffect(on));
        ctx.copy_session(on).await?;
    }
    let json = serde_json::json!({ "session_cache": on });
    Ok(ctx.done(form.back.path(), json, format!("Session cache {}", if on { "on" } else { "off" })))
}

impl RequestContext {
    /// Copies the session's state to the database, or removes the copies if the cache is on again.
    async fn copy_session(&self, on: bool) -> Result<(), ShopError> {
        if on {
            let Some(id) = self.session.public_id().await? else { return Ok(()) };
            let id = id.to_string();
            return self.database("session-cache", |db| async move { db.forget_session_values(&id).await }).await;
        }
        self.save_state::<Cart>().await?;
        self.save_state::<GuestPreferences>().await?;
        self.save_state::<GuestHistory>().await
    }
}
