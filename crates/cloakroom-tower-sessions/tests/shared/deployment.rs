use axum::Router;
use cloakroom::{CookieConfig, SessionLayer, Sessions, SessionsBuilder};
use cloakroom_testkit::{ManualClock, MemoryStore};
use cloakroom_tower_sessions::TowerSessionsLayer;

use crate::recording::recorded;

/// A deployment of two nodes over one store, or of one node without a store.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    pub(crate) clock: ManualClock,
    store: Option<MemoryStore>,
}

impl Deployment {
    /// Both deployments, for what must hold in each.
    pub(crate) fn both() -> [Self; 2] {
        let clock = ManualClock::new();
        let store = MemoryStore::with_clock(clock.clone());
        [Self { clock: ManualClock::new(), store: None }, Self { clock, store: Some(store) }]
    }

    /// Returns `true` if nodes share a store.
    pub(crate) fn is_shared(&self) -> bool {
        self.store.is_some()
    }

    pub(crate) fn builder(&self) -> SessionsBuilder {
        let builder = recorded().clock(self.clock.clone());
        match &self.store {
            Some(store) => builder.store(store.node()),
            None => builder,
        }
    }

    pub(crate) fn node(&self) -> Sessions {
        self.builder().build().unwrap()
    }
}

/// Puts the layers around an application that was written for `tower_sessions::Session`.
pub(crate) fn on(sessions: &Sessions, app: Router) -> Router {
    on_layer(sessions, TowerSessionsLayer::new(), app)
}

pub(crate) fn on_layer(sessions: &Sessions, layer: TowerSessionsLayer, app: Router) -> Router {
    let cookie = CookieConfig::insecure_for_localhost();
    app.layer(layer).layer(SessionLayer::new(sessions.clone()).cookie(cookie))
}
