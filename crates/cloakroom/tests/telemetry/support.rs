use std::time::Duration;

use cloakroom::{Session, SessionValue, Sessions, SessionsBuilder};
use cloakroom_testkit::{FaultyStore, ManualClock, MemoryStore};
use serde::{Deserialize, Serialize};

use crate::recording::recorded;
use crate::visitor::Visitor;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
pub(crate) struct Cart(pub(crate) u64);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
#[session(ttl = "60s")]
pub(crate) struct Profile(pub(crate) u64);

/// One store, which fails on demand, and its clock.
pub(crate) struct Deployment {
    pub(crate) clock: ManualClock,
    pub(crate) store: FaultyStore<MemoryStore>,
}

impl Deployment {
    pub(crate) fn new() -> Self {
        let clock = ManualClock::new();
        Self { store: FaultyStore::new(MemoryStore::with_clock(clock.clone())), clock }
    }

    pub(crate) fn builder(&self) -> SessionsBuilder {
        recorded().clock(self.clock.clone()).store(self.store.clone())
    }

    pub(crate) fn sessions(&self) -> Sessions {
        self.builder().build().unwrap()
    }

    /// Another node on the same records, with a memory of its own.
    pub(crate) fn other_node(&self) -> Sessions {
        recorded().clock(self.clock.clone()).store(self.store.inner().node()).build().unwrap()
    }
}

/// Sessions without a store, on a clock.
pub(crate) fn in_memory() -> Sessions {
    recorded().clock(ManualClock::new()).build().unwrap()
}

/// Adds an item in a request of its own.
pub(crate) async fn add(visitor: &Visitor, sessions: &Sessions) {
    let visit = visitor.enter(sessions);
    visit.update(|cart: &mut Cart| cart.0 += 1).await.unwrap();
    visit.leave().await;
}

/// A visitor whose cart has one item.
pub(crate) async fn shopper(sessions: &Sessions) -> Visitor {
    let visitor = Visitor::default();
    add(&visitor, sessions).await;
    visitor
}

/// Reads the cart in a request of its own.
pub(crate) async fn read(visitor: &Visitor, sessions: &Sessions) -> Option<u64> {
    let visit = visitor.enter(sessions);
    let cart = visit.get::<Cart>().await.unwrap().map(|cart| cart.0);
    visit.leave().await;
    cart
}

/// Loads the profile by a loader that takes a quarter of a second.
pub(crate) async fn load(session: &Session) -> Result<u64, cloakroom::SessionError> {
    let loader = || async {
        tokio::time::sleep(Duration::from_millis(250)).await;
        Ok::<_, std::io::Error>(Profile(7))
    };
    session.get_or_load(loader).await.map(|profile| profile.0)
}
