//! Deployments and visitors for the tests of values.

use std::time::Duration;

use cloakroom::{SessionValue, Sessions, SessionsBuilder};
use cloakroom_testkit::{ManualClock, MemoryStore};
use serde::{Deserialize, Serialize};

use crate::visitor::{Visit, Visitor};

/// A deployment of two processes over one store, whose clocks differ, or of one process.
#[derive(Clone, Debug)]
pub(crate) struct Deployment {
    clocks: [ManualClock; 2],
    store: Option<MemoryStore>,
}

impl Deployment {
    /// One process without a store.
    pub(crate) fn local() -> Self {
        crate::log::set_global_subscriber();
        Self { clocks: [ManualClock::new(), ManualClock::new()], store: None }
    }

    /// Two processes over one store. The second one's clock is ahead.
    pub(crate) fn shared() -> Self {
        let deployment = Self::local();
        deployment.clocks[1].advance(Duration::from_secs(3));
        Self { store: Some(MemoryStore::with_clock(deployment.clocks[0].clone())), ..deployment }
    }

    /// Both deployments, for what must hold in each.
    pub(crate) fn both() -> [Self; 2] {
        [Self::local(), Self::shared()]
    }

    pub(crate) fn builder(&self, index: usize) -> SessionsBuilder {
        let builder = Sessions::builder().clock(self.clocks[index].clone());
        match &self.store {
            Some(store) => builder.store(store.node()),
            None => builder,
        }
    }

    pub(crate) fn node(&self) -> Sessions {
        self.builder(0).build().unwrap()
    }

    /// Two processes, or one process twice if there is no shared tier.
    pub(crate) fn nodes(&self) -> [Sessions; 2] {
        let first = self.node();
        let second = if self.store.is_some() { self.builder(1).build().unwrap() } else { first.clone() };
        [first, second]
    }

    pub(crate) fn advance(&self, span: Duration) {
        self.clocks.iter().for_each(|clock| clock.advance(span));
    }
}

/// State whose first write creates a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Note(pub(crate) String);

impl SessionValue for Note {
    const KEY: &'static str = "note";
}

/// A visitor with a session.
pub(crate) async fn visitor(sessions: &Sessions) -> Visitor {
    let visitor = Visitor::default();
    let visit = visitor.enter(sessions);
    visit.set(Note("here".into())).await.unwrap();
    visit.leave().await;
    visitor
}

/// A visitor with a session that contains this value.
pub(crate) async fn visitor_with<T: SessionValue>(sessions: &Sessions, value: T) -> Visitor {
    let visitor = visitor(sessions).await;
    let visit: Visit = visitor.enter(sessions);
    visit.set(value).await.unwrap();
    visit.leave().await;
    visitor
}

pub(crate) const fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
