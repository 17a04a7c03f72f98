//! An attacker who can write to the server, against encrypted sessions: R37, R38, R41, R58, R59.
//!
//! The server itself tampers with the values, in scripts, because they are arbitrary bytes.

use cloakroom::{Key, KeyRing, RandomSource as _, SealPolicy, SessionErrorKind};
use cloakroom_testkit::SeededRandom;

use crate::support::{Deployment, LONG, Node, Note, SET_FIELD, Visitor, key, selector_of, until, without_hint};

fn ring(ids: &[u8]) -> KeyRing {
    let key = |id: u8| {
        let mut secret = [0; 32];
        SeededRandom::new(id.into()).fill(&mut secret).expect("it never runs dry");
        cloakroom_secret_scan::record("key", secret);
        Key::new(id, secret).expect("random enough")
    };
    ids[1..].iter().fold(KeyRing::new(key(ids[0])), |ring, id| ring.with_previous(key(*id)).expect("another key"))
}

async fn node(deployment: &Deployment, policy: SealPolicy, ids: &[u8]) -> Node {
    deployment.node_with(|store| store.lease(LONG), |sessions| sessions.keys(ring(ids)).seal(policy)).await
}

struct Fixture {
    deployment: Deployment,
    node: Node,
    alice: Visitor,
    key: String,
}

impl Fixture {
    /// Creates a session with two values and a login.
    async fn set() -> Self {
        let deployment = Deployment::open().await;
        let node = node(&deployment, SealPolicy::Require, &[1]).await;
        let alice = Visitor::default();
        node.login(&alice, "alice").await.unwrap();
        node.add(&alice).await.unwrap();
        node.write(&alice, "mine").await.unwrap();
        let key = key(&selector_of(&alice));
        Self { deployment, node, alice, key }
    }

    async fn script(&self, lua: &str, arguments: &[&str]) {
        let words = [&["EVAL", lua, "1", &self.key], arguments].concat();
        self.deployment.server.command(&words).await.unwrap();
    }

    async fn save(&self, as_what: &str) {
        self.deployment.server.command(&["COPY", &self.key, as_what, "REPLACE"]).await.unwrap();
    }

    async fn restore(&self, kept: &str) {
        self.deployment.server.command(&["COPY", kept, &self.key, "REPLACE"]).await.unwrap();
    }

    /// The note as read by a process that has not loaded the session yet.
    async fn note(&self) -> Result<Option<String>, SessionErrorKind> {
        let builder = crate::support::recorded().store(self.node.store.clone()).keys(ring(&[1]));
        let sessions = builder.seal(SealPolicy::Require).build().unwrap();
        let read = without_hint(&self.alice).enter(&sessions).get::<Note>().await;
        let refused = sessions.stats().seals_broken + sessions.stats().keys_unknown;
        assert_eq!(refused > 0, read.is_err(), "refused values are counted");
        read.map(|note| note.map(|note| note.0.clone())).map_err(|error| error.kind())
    }

    async fn is_refused(&self, what: &str) {
        assert_eq!(self.note().await, Err(SessionErrorKind::SealBroken), "{what}");
    }

    async fn is_intact(&self) {
        assert_eq!(self.note().await, Ok(Some("mine".to_owned())));
    }
}

#[tokio::test]
async fn r37_the_server_holds_no_value_that_it_could_read() {
    let fixture = Fixture::set().await;
    fixture.node.write(&fixture.alice, "a-very-private-note").await.unwrap();
    let find = "local all = table.concat(redis.call('HGETALL', KEYS[1]), ' ') \
                return { string.find(all, ARGV[1], 1, true) and 1 or 0, string.find(all, 'alice', 1, true) and 1 or 0 }";
    let words = ["EVAL", find, "1", &fixture.key, "a-very-private-note"];
    let found: (u8, u8) = redis::from_redis_value(fixture.deployment.server.command(&words).await.unwrap()).unwrap();
    assert_eq!(found, (0, 1), "the note is encrypted, the principal is not");
}

#[tokio::test]
async fn r37_no_byte_of_a_field_can_be_changed() {
    let flip = "local value, at = redis.call('HGET', KEYS[1], ARGV[1]), tonumber(ARGV[2]) \
                if at > #value then return 0 end \
                value = string.sub(value, 1, at - 1) .. string.char(bit.bxor(string.byte(value, at), 1)) .. string.sub(value, at + 1) \
                redis.call('HSET', KEYS[1], ARGV[1], value) return 1";
    for field in ["value:note", "value:*"] {
        let fixture = Fixture::set().await;
        fixture.save("good").await;
        for at in 1..=70 {
            let words = ["EVAL", flip, "1", &fixture.key, field, &at.to_string()];
            let changed: u8 =
                redis::from_redis_value(fixture.deployment.server.command(&words).await.unwrap()).unwrap();
            if changed == 0 {
                assert!(at > 50, "{field} is longer than {at} bytes");
                break;
            }
            let refusals = [SessionErrorKind::SealBroken, SessionErrorKind::UnknownKey];
            let note = fixture.note().await;
            assert!(note.as_ref().is_err_and(|kind| refusals.contains(kind)), "byte {at} of {field}: {note:?}");
            fixture.restore("good").await;
            fixture.is_intact().await;
        }
    }
}

#[tokio::test]
async fn r37_fields_cannot_be_moved_put_back_or_changed() {
    let swap = "local a, b = redis.call('HGET', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[1], ARGV[2]) \
                redis.call('HSET', KEYS[1], ARGV[1], b, ARGV[2], a)";
    let set = SET_FIELD;
    let remove = "redis.call('HDEL', KEYS[1], ARGV[1])";
    let fixture = Fixture::set().await;
    let selector = selector_of(&fixture.alice);
    let get = |name| fixture.deployment.field(&selector, name);
    let later = |instant: Option<String>| (instant.unwrap().parse::<u64>().unwrap() + 60_000).to_string();
    let (absolute, since) = (later(get("absolute").await), later(get("since").await));
    let version = (get("version").await.unwrap().parse::<u64>().unwrap() + 1).to_string();
    fixture.save("good").await;
    for (what, lua, arguments) in [
        ("two values were swapped", swap, ["value:note", "value:count"]),
        ("a value and the seal were swapped", swap, ["value:note", "value:*"]),
        ("a value became plain", set, ["value:note", "1 4 - json \"forged\""]),
        ("a value became plain, but is marked as sealed", set, ["value:note", "1 4 - sealed \"forged\""]),
        ("a value became a removed one", set, ["value:note", "1 4 - removed"]),
        ("a value has another format", set, ["value:note", "2 4 sealed more"]),
        ("a value is gone", remove, ["value:count", ""]),
        ("the seal is gone", remove, ["value:*", ""]),
        ("the seal was removed", set, ["value:*", "1 4 - removed"]),
        ("another principal is logged in", set, ["principal", "root"]),
        ("it lives longer", set, ["absolute", &absolute]),
        ("it may be idle for longer", set, ["idle", "9999999"]),
        ("it was logged in to just now", set, ["since", &since]),
        ("it has another secret", set, ["secret", "000102030405060708090a0b0c0d0e0f"]),
        ("it has another version", set, ["version", &version]),
        ("it is remembered", set, ["persistent", "1"]),
    ] {
        fixture.script(lua, &arguments).await;
        fixture.is_refused(what).await;
        fixture.restore("good").await;
        fixture.is_intact().await;
    }
}

#[tokio::test]
async fn r37_an_older_value_and_another_sessions_value_are_refused() {
    let take = "redis.call('HSET', KEYS[1], ARGV[1], redis.call('HGET', ARGV[2], ARGV[1]))";
    let fixture = Fixture::set().await;
    fixture.save("old").await;
    fixture.node.write(&fixture.alice, "newer").await.unwrap();
    fixture.node.write(&fixture.alice, "mine").await.unwrap();
    fixture.save("good").await;
    let bob = Visitor::default();
    fixture.node.login(&bob, "bob").await.unwrap();
    fixture.node.add(&bob).await.unwrap();
    fixture.node.write(&bob, "bob's").await.unwrap();
    for (what, from) in [("an older value", "old"), ("another session's value", &key(&selector_of(&bob)))] {
        for field in ["value:note", "value:*"] {
            fixture.script(take, &[field, from]).await;
            fixture.is_refused(&format!("{what}: {field}")).await;
            fixture.restore("good").await;
            fixture.is_intact().await;
        }
    }
    // Only a client with a version hint can notice that the whole record was replaced by an older
    // one.
    let before = fixture.node.sessions.stats().rollbacks;
    fixture.restore("old").await;
    until("the client notices", async || {
        fixture.node.note(&fixture.alice).await.unwrap();
        fixture.node.sessions.stats().rollbacks > before
    })
    .await;
}

#[tokio::test]
async fn r38_a_value_moves_to_the_active_key_when_it_is_written() {
    let fixture = Fixture::set().await;
    let both = node(&fixture.deployment, SealPolicy::Require, &[2, 1]).await;
    assert_eq!(both.note(&fixture.alice).await.unwrap().as_deref(), Some("mine"));
    both.write(&fixture.alice, "newer").await.unwrap();
    let new = node(&fixture.deployment, SealPolicy::Require, &[2]).await;
    assert_eq!(new.note(&fixture.alice).await.unwrap().as_deref(), Some("newer"));
    assert_eq!(new.count(&fixture.alice).await.unwrap_err().kind(), SessionErrorKind::UnknownKey);
    assert_eq!(new.add(&fixture.alice).await.unwrap_err().kind(), SessionErrorKind::UnknownKey);
    assert_eq!(both.count(&fixture.alice).await.unwrap(), Some(1), "nothing was overwritten");
    assert!(new.sessions.stats().keys_unknown > 0);
    // The token now uses a key that the encrypted values do not.
    let keyed = fixture.deployment.node_with(|store| store.lease(LONG), |sessions| sessions.keys(ring(&[3, 2]))).await;
    assert_eq!(keyed.whoami(&fixture.alice).await.unwrap().as_deref(), Some("alice"));
    let stranger = node(&fixture.deployment, SealPolicy::Require, &[3]).await;
    assert_eq!(stranger.whoami(&fixture.alice).await.unwrap_err().kind(), SessionErrorKind::UnknownKey);
    assert!(fixture.alice.cookie().is_some());
}

#[tokio::test]
async fn r41_nodes_take_up_sealing_one_after_the_other() {
    let deployment = Deployment::open().await;
    let alice = Visitor::default();
    // Keys are introduced for tokens first, because all nodes must be able to verify their MACs.
    let plain = deployment.node_with(|store| store.lease(LONG), |sessions| sessions.keys(ring(&[1]))).await;
    plain.login(&alice, "alice").await.unwrap();
    let (prepare, migrate) =
        (node(&deployment, SealPolicy::Prepare, &[1]).await, node(&deployment, SealPolicy::Migrate, &[1]).await);
    let mut count = 0;
    for node in [&plain, &prepare, &plain, &prepare, &migrate, &prepare, &migrate, &prepare, &migrate] {
        count += 1;
        assert_eq!(node.add(&alice).await.unwrap(), count);
    }
    assert_eq!(plain.count(&without_hint(&alice)).await.unwrap_err().kind(), SessionErrorKind::UnknownKey);
    let require = node(&deployment, SealPolicy::Require, &[1]).await;
    for node in [&require, &migrate, &require] {
        count += 1;
        assert_eq!(node.add(&alice).await.unwrap(), count);
    }
    let bob = Visitor::default();
    plain.add(&bob).await.unwrap();
    assert_eq!(
        require.count(&bob).await.unwrap_err().kind(),
        SessionErrorKind::SealBroken,
        "the record has no encrypted value"
    );
}

#[tokio::test]
async fn r59_a_copied_record_is_refused_also_where_nothing_is_sealed() {
    let (deployment, here, there) = Deployment::with_two_nodes().await;
    let (alice, mallory) = (Visitor::default(), Visitor::default());
    here.login(&alice, "alice").await.unwrap();
    here.login(&mallory, "mallory").await.unwrap();
    let (from, to) = (key(&selector_of(&alice)), key(&selector_of(&mallory)));
    deployment.server.command(&["COPY", &from, &to, "REPLACE"]).await.unwrap();
    assert_eq!(there.whoami(&without_hint(&mallory)).await.unwrap(), None);
    assert_eq!(there.whoami(&without_hint(&alice)).await.unwrap().as_deref(), Some("alice"));
}

#[tokio::test]
async fn r64_a_record_copied_into_another_namespace_is_refused_with_the_same_keys() {
    for sealed in [false, true] {
        let fixture = Fixture::set().await;
        let node = |namespace: &'static str| {
            let address = fixture.deployment.server.address();
            async move {
                let store =
                    cloakroom_redis::RedisStore::connect(&format!("redis://{address}/?namespace={namespace}")).await;
                let builder = crate::support::recorded().store(store.unwrap());
                let builder = if sealed { builder.keys(ring(&[1])).seal(SealPolicy::Require) } else { builder };
                builder.build().unwrap()
            }
        };
        let (here, other) = (node("desk").await, node("other").await);
        let alice = Visitor::default();
        let visit = alice.enter(&here);
        visit.login("alice").await.unwrap();
        visit.leave().await;
        let selector = selector_of(&alice);
        let (from, to) = (format!("desk:session:{{{selector}}}"), format!("other:session:{{{selector}}}"));
        fixture.deployment.server.command(&["COPY", &from, &to]).await.unwrap();
        let visit = without_hint(&alice).enter(&other);
        assert_ne!(
            visit.principal().await.ok().flatten().map(|user| user.as_str().to_owned()).as_deref(),
            Some("alice")
        );
        let visit = without_hint(&alice).enter(&here);
        assert_eq!(visit.principal().await.unwrap().unwrap().as_str(), "alice");
    }
}
