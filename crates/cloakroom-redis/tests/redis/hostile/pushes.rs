//! R67: pushes of a server can only drop a node's copies, never add one, so they cost at most
//! misses.

use std::time::Duration;

use cloakroom::Sessions;
use cloakroom::store::{Selector, Store};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::{FakeServer, Server};

use crate::support::{Count, LONG, Visitor, key, selector_of, until, without_hint};

#[path = "../../corpus/pushes.rs"]
pub(super) mod corpus;

use corpus::Expected;

/// A node behind a fake server, and two visitors whose sessions are in its memory.
struct Fixture {
    _server: Server,
    fake_server: FakeServer,
    store: RedisStore,
    sessions: Sessions,
    alice: Visitor,
    bob: Visitor,
}

impl Fixture {
    async fn open() -> Self {
        let server = Server::start().await.unwrap();
        let fake_server = FakeServer::start(server.address()).await.unwrap();
        let builder = RedisStore::builder("shop").server(server.url_through(fake_server.port()));
        // Timing does not matter here, and a command that is retried would be counted as another
        // miss.
        let store = builder.lease(LONG).deadline(Duration::from_secs(10)).connect().await.unwrap();
        let sessions = crate::support::recorded().store(store.clone()).build().unwrap();
        let (alice, bob) = (Visitor::default(), Visitor::default());
        for (visitor, number) in [(&alice, 1), (&bob, 2)] {
            let visit = visitor.enter(&sessions);
            visit.set(Count(number)).await.unwrap();
            visit.leave().await;
        }
        // A version hint would cause a reload, whatever the server pushed.
        let (alice, bob) = (without_hint(&alice), without_hint(&bob));
        Self { _server: server, fake_server, store, sessions, alice, bob }
    }

    async fn count(&self, visitor: &Visitor) -> Option<u64> {
        let visit = visitor.enter(&self.sessions);
        let count = visit.get::<Count>().await.ok().flatten();
        visit.leave().await;
        count.map(|count| count.0)
    }

    /// Returns `true` if the visitor's session had to be loaded from the server. In either case it
    /// must be the right one.
    async fn was_reloaded(&self, visitor: &Visitor, right: u64, why: &str) -> bool {
        let before = self.sessions.stats().store_loads;
        until(why, async || self.count(visitor).await == Some(right)).await;
        self.sessions.stats().store_loads > before
    }

    /// Waits until the pushes are processed: the reply to a later command arrives after them.
    async fn wait_for_pushes(&self, why: &str) {
        until(why, async || self.store.load(Selector::from_bytes([9; 16])).await.is_ok()).await;
    }
}

#[tokio::test]
async fn r67_every_hostile_message_costs_misses_at_most() {
    let fixture = Fixture::open().await;
    let cases = corpus::cases(&key(&selector_of(&fixture.alice)));
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    for (why, message, expected) in cases {
        fixture.was_reloaded(&fixture.alice, 1, why).await;
        fixture.was_reloaded(&fixture.bob, 2, why).await;
        assert_eq!(fixture.fake_server.push(&message).await, 1, "{why}: one connection receives it");
        fixture.wait_for_pushes(why).await;
        let alice = fixture.was_reloaded(&fixture.alice, 1, why).await;
        let bob = fixture.was_reloaded(&fixture.bob, 2, why).await;
        let actual = match (alice, bob) {
            (false, false) => Expected::Kept,
            (true, false) => Expected::AliceDropped,
            (true, true) => Expected::AllDropped,
            (false, true) => panic!("{why}: only bob's copy was dropped"),
        };
        assert_eq!(actual, expected, "{why}");
    }
}

#[tokio::test]
async fn r67_a_million_messages_cost_misses_at_most() {
    let fixture = Fixture::open().await;
    let before = fixture.sessions.stats();
    let unknown = |number: u32| format!(">2\r\n+invalidate\r\n*1\r\n$47\r\nshop:session:{{{number:032x}}}\r\n");
    for block in 0..100 {
        let mut messages: String = (0..9_990).map(|number| unknown(block * 10_000 + number)).collect();
        messages.push_str(&">2\r\n+invalidate\r\n_\r\n".repeat(10));
        assert_eq!(fixture.fake_server.push(messages.as_bytes()).await, 1);
    }
    fixture.wait_for_pushes("a million messages are processed").await;
    assert!(fixture.was_reloaded(&fixture.alice, 1, "alice's session is loaded again").await);
    // Copies are dropped in the background, so on a busy machine the last pass may come after that.
    until("the copy is kept again", async || !fixture.was_reloaded(&fixture.alice, 1, "it is loaded").await).await;
    let after = fixture.sessions.stats();
    assert!(after.sessions <= before.sessions && after.bytes <= before.bytes, "{after:?}");
    let misses = after.store_loads - before.store_loads;
    assert!((1..=2).contains(&misses), "{misses} misses for a million messages");
}
