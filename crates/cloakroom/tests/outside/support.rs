use std::time::Duration;

use cloakroom::{Session, SessionValue, Sessions, SessionsBuilder, Watch};
use cloakroom_testkit::{FaultyStore, ManualClock, MemoryStore};
use serde::{Deserialize, Serialize};

use crate::recording::recorded;
use crate::visitor::{Visit, Visitor};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
pub(crate) struct Cart(pub(crate) u64);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, SessionValue)]
pub(crate) struct Other(pub(crate) u64);

/// Nodes over one store, or one process without a store.
pub(crate) struct Deployment {
    pub(crate) clock: ManualClock,
    pub(crate) store: Option<MemoryStore>,
}

impl Deployment {
    pub(crate) fn local() -> Self {
        Self { clock: ManualClock::new(), store: None }
    }

    pub(crate) fn shared() -> Self {
        let clock = ManualClock::new();
        Self { store: Some(MemoryStore::with_clock(clock.clone())), clock }
    }

    pub(crate) fn both() -> [Self; 2] {
        [Self::local(), Self::shared()]
    }

    pub(crate) fn builder(&self) -> SessionsBuilder {
        let builder = recorded().clock(self.clock.clone());
        match &self.store {
            Some(store) => builder.store(store.node()),
            None => builder,
        }
    }

    /// Two nodes; without a store, the same node twice.
    pub(crate) fn nodes(&self) -> [Sessions; 2] {
        let first = self.builder().build().unwrap();
        let second = if self.store.is_some() { self.builder().build().unwrap() } else { first.clone() };
        [first, second]
    }

    /// A node whose store fails on demand.
    pub(crate) fn faulty_node(&self) -> (FaultyStore<MemoryStore>, Sessions) {
        let store = FaultyStore::new(self.store.as_ref().unwrap().node());
        (store.clone(), recorded().clock(self.clock.clone()).store(store).build().unwrap())
    }
}

/// A visitor whose cart has one item.
pub(crate) async fn shopper(sessions: &Sessions) -> Visitor {
    let visitor = Visitor::default();
    add(&visitor, sessions).await;
    visitor
}

pub(crate) async fn log_in(visitor: &Visitor, sessions: &Sessions, user: &str) {
    let visit = visitor.enter(sessions);
    visit.login(user).await.unwrap();
    visit.leave().await;
}

/// Adds an item in a request of its own, and returns how many there are.
pub(crate) async fn add(visitor: &Visitor, sessions: &Sessions) -> u64 {
    let visit = visitor.enter(sessions);
    let count = visit
        .update(|cart: &mut Cart| {
            cart.0 += 1;
            cart.0
        })
        .await
        .unwrap();
    visit.leave().await;
    count
}

/// A request of `visitor` that ends, and leaves its session to a stream.
pub(crate) async fn open(visitor: &Visitor, sessions: &Sessions) -> Session {
    let visit: Visit = visitor.enter(sessions);
    let session = Session::clone(&visit);
    assert!(session.exists().await.unwrap());
    visit.leave().await;
    session
}

/// The next item, which must come.
pub(crate) async fn next(watch: &mut Watch<Cart>) -> Option<u64> {
    within(watch.next()).await.expect("the stream goes on").unwrap().map(|cart| cart.0)
}

/// The end of the stream, which must come.
pub(crate) async fn end(watch: &mut Watch<Cart>) {
    assert!(within(watch.next()).await.is_none());
}

pub(crate) async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("it comes in time")
}

/// Asserts that a stream has nothing to deliver, however often other tasks run.
pub(crate) async fn assert_quiet<T: std::fmt::Debug>(next: impl Future<Output = T>) {
    let mut next = std::pin::pin!(next);
    for _ in 0..50 {
        let polled = std::future::poll_fn(|context| std::task::Poll::Ready(next.as_mut().poll(context))).await;
        assert!(polled.is_pending(), "{polled:?}");
        tokio::task::yield_now().await;
    }
}
