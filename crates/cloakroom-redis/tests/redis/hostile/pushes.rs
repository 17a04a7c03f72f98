//! R67: messages of a server may only empty the memory of a node, never fill it, and cost misses at most.

use std::time::Duration;

use cloakroom::Sessions;
use cloakroom::store::{Selector, Store};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::{FakeServer, Server};

use crate::support::{Count, LONG, Visitor, key, tag_of, until, without_hint};

#[path = "../../corpus/pushes.rs"]
pub(super) mod corpus;

use corpus::Expected;

/// A node whose server says what it is told to say, and two visitors whose sessions are in its memory.
struct Ground {
    _server: Server,
    impostor: FakeServer,
    store: RedisStore,
    sessions: Sessions,
    alice: Visitor,
    bob: Visitor,
}

impl Ground {
    async fn open() -> Self {
        let server = Server::start().await.unwrap();
        let impostor = FakeServer::start(server.address()).await.unwrap();
        let builder = RedisStore::builder("shop").server(server.url_through(impostor.port()));
        // Nothing here is about being late, and each question that is asked twice would be a miss more.
        let store = builder.lease(LONG).deadline(Duration::from_secs(10)).connect().await.unwrap();
        let sessions = crate::support::recorded().store(store.clone()).build().unwrap();
        let (alice, bob) = (Visitor::default(), Visitor::default());
        for (visitor, number) in [(&alice, 1), (&bob, 2)] {
            let visit = visitor.enter(&sessions);
            visit.set(Count(number)).await.unwrap();
            visit.leave().await;
        }
        // A hint would have the record read again, whatever the server said.
        let (alice, bob) = (without_hint(&alice), without_hint(&bob));
        Self { _server: server, impostor, store, sessions, alice, bob }
    }

    async fn count(&self, visitor: &Visitor) -> Option<u64> {
        let visit = visitor.enter(&self.sessions);
        let count = visit.get::<Count>().await.ok().flatten();
        visit.leave().await;
        count.map(|count| count.0)
    }

    /// Whether the visitor's session had to be read from the server. It must be the right one either way.
    async fn was_forgotten(&self, visitor: &Visitor, right: u64, why: &str) -> bool {
        let before = self.sessions.stats().store_loads;
        until(why, async || self.count(visitor).await == Some(right)).await;
        self.sessions.stats().store_loads > before
    }

    /// Until what was said before is heard: the answer to a question comes after it.
    async fn hears(&self, why: &str) {
        until(why, async || self.store.load(Selector::from_bytes([9; 16])).await.is_ok()).await;
    }
}

#[tokio::test]
async fn r67_every_hostile_message_costs_misses_at_most() {
    let ground = Ground::open().await;
    let cases = corpus::cases(&key(&tag_of(&ground.alice)));
    assert!(cases.len() >= 30, "only {} cases", cases.len());
    for (why, message, expected) in cases {
        ground.was_forgotten(&ground.alice, 1, why).await;
        ground.was_forgotten(&ground.bob, 2, why).await;
        assert_eq!(ground.impostor.push(&message).await, 1, "{why}: one line is told");
        ground.hears(why).await;
        let alice = ground.was_forgotten(&ground.alice, 1, why).await;
        let bob = ground.was_forgotten(&ground.bob, 2, why).await;
        let came_to = match (alice, bob) {
            (false, false) => Expected::Kept,
            (true, false) => Expected::AliceForgotten,
            (true, true) => Expected::AllForgotten,
            (false, true) => panic!("{why}: bob alone was forgotten"),
        };
        assert_eq!(came_to, expected, "{why}");
    }
}

#[tokio::test]
async fn r67_a_million_messages_cost_misses_at_most() {
    let ground = Ground::open().await;
    let before = ground.sessions.stats();
    let stranger = |number: u32| format!(">2\r\n+invalidate\r\n*1\r\n$47\r\nshop:session:{{{number:032x}}}\r\n");
    for block in 0..100 {
        let mut messages: String = (0..9_990).map(|number| stranger(block * 10_000 + number)).collect();
        messages.push_str(&">2\r\n+invalidate\r\n_\r\n".repeat(10));
        assert_eq!(ground.impostor.push(messages.as_bytes()).await, 1);
    }
    ground.hears("a million messages are heard").await;
    assert!(ground.was_forgotten(&ground.alice, 1, "alice's session is read again").await);
    // Copies are dropped in the background: on a busy machine the last walk may come after that.
    until("and kept again", async || !ground.was_forgotten(&ground.alice, 1, "it is read").await).await;
    let after = ground.sessions.stats();
    assert!(after.sessions <= before.sessions && after.bytes <= before.bytes, "{after:?}");
    let misses = after.store_loads - before.store_loads;
    assert!((1..=2).contains(&misses), "{misses} misses for a million messages");
}
