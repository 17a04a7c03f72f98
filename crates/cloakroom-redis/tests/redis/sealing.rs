//! Somebody who can write to the server, against sessions that are sealed: R37, R38, R41, R58, R59.
//!
//! The server itself does the tampering, in scripts: values are bytes, and it knows them best.

use cloakroom::{Key, KeyRing, RandomSource as _, SealPolicy, SessionErrorKind};
use cloakroom_testkit::SeededRandom;

use crate::support::{Deployment, LONG, Node, Note, Visitor, key, tag_of, until, without_hint};

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

struct Scene {
    deployment: Deployment,
    node: Node,
    alice: Visitor,
    key: String,
}

impl Scene {
    /// A session with two values and a login.
    async fn set() -> Self {
        let deployment = Deployment::open().await;
        let node = node(&deployment, SealPolicy::Require, &[1]).await;
        let alice = Visitor::default();
        node.login(&alice, "alice").await.unwrap();
        node.add(&alice).await.unwrap();
        node.write(&alice, "mine").await.unwrap();
        let key = key(&tag_of(&alice));
        Self { deployment, node, alice, key }
    }

    async fn script(&self, lua: &str, arguments: &[&str]) {
        let words = [&["EVAL", lua, "1", &self.key], arguments].concat();
        self.deployment.server.command(&words).await.unwrap();
    }

    async fn keep(&self, as_what: &str) {
        self.deployment.server.command(&["COPY", &self.key, as_what, "REPLACE"]).await.unwrap();
    }

    async fn put_back(&self, kept: &str) {
        self.deployment.server.command(&["COPY", kept, &self.key, "REPLACE"]).await.unwrap();
    }

    /// What a process is told that has read nothing of the session yet.
    async fn note(&self) -> Result<Option<String>, SessionErrorKind> {
        let builder = crate::support::recorded().store(self.node.store.clone()).keys(ring(&[1]));
        let sessions = builder.seal(SealPolicy::Require).build().unwrap();
        let read = without_hint(&self.alice).enter(&sessions).get::<Note>().await;
        let refused = sessions.stats().seals_broken + sessions.stats().keys_unknown;
        assert_eq!(refused > 0, read.is_err(), "what is refused is counted");
        read.map(|note| note.map(|note| note.0.clone())).map_err(|error| error.kind())
    }

    async fn is_refused(&self, what: &str) {
        assert_eq!(self.note().await, Err(SessionErrorKind::SealBroken), "{what}");
    }

    async fn is_well_again(&self) {
        assert_eq!(self.note().await, Ok(Some("mine".to_owned())));
    }
}

#[tokio::test]
async fn r37_the_server_holds_no_value_that_it_could_read() {
    let scene = Scene::set().await;
    scene.node.write(&scene.alice, "a-very-private-note").await.unwrap();
    let find = "local all = table.concat(redis.call('HGETALL', KEYS[1]), ' ') \
                return { string.find(all, ARGV[1], 1, true) and 1 or 0, string.find(all, 'alice', 1, true) and 1 or 0 }";
    let words = ["EVAL", find, "1", &scene.key, "a-very-private-note"];
    let found: (u8, u8) = redis::from_redis_value(scene.deployment.server.command(&words).await.unwrap()).unwrap();
    assert_eq!(found, (0, 1), "the note is not there; who is logged in is");
}

#[tokio::test]
async fn r37_no_byte_of_a_field_can_be_changed() {
    let flip = "local value, at = redis.call('HGET', KEYS[1], ARGV[1]), tonumber(ARGV[2]) \
                if at > #value then return 0 end \
                value = string.sub(value, 1, at - 1) .. string.char(bit.bxor(string.byte(value, at), 1)) .. string.sub(value, at + 1) \
                redis.call('HSET', KEYS[1], ARGV[1], value) return 1";
    for field in ["value:note", "value:*"] {
        let scene = Scene::set().await;
        scene.keep("good").await;
        for at in 1..=70 {
            let words = ["EVAL", flip, "1", &scene.key, field, &at.to_string()];
            let changed: u8 = redis::from_redis_value(scene.deployment.server.command(&words).await.unwrap()).unwrap();
            if changed == 0 {
                assert!(at > 50, "{field} is longer than {at} bytes");
                break;
            }
            let refusals = [SessionErrorKind::SealBroken, SessionErrorKind::UnknownKey];
            let note = scene.note().await;
            assert!(note.as_ref().is_err_and(|kind| refusals.contains(kind)), "byte {at} of {field}: {note:?}");
            scene.put_back("good").await;
            scene.is_well_again().await;
        }
    }
}

#[tokio::test]
async fn r37_fields_cannot_be_moved_put_back_or_changed() {
    let swap = "local a, b = redis.call('HGET', KEYS[1], ARGV[1]), redis.call('HGET', KEYS[1], ARGV[2]) \
                redis.call('HSET', KEYS[1], ARGV[1], b, ARGV[2], a)";
    let set = "redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])";
    let remove = "redis.call('HDEL', KEYS[1], ARGV[1])";
    let scene = Scene::set().await;
    let get = async |name: &str| {
        let words = ["HGET", &scene.key, name];
        redis::from_redis_value::<Option<String>>(scene.deployment.server.command(&words).await.unwrap()).unwrap()
    };
    let later = |instant: Option<String>| (instant.unwrap().parse::<u64>().unwrap() + 60_000).to_string();
    let (absolute, since) = (later(get("absolute").await), later(get("since").await));
    let version = (get("version").await.unwrap().parse::<u64>().unwrap() + 1).to_string();
    scene.keep("good").await;
    for (what, lua, arguments) in [
        ("two values were swapped", swap, ["value:note", "value:count"]),
        ("a value and the seal were swapped", swap, ["value:note", "value:*"]),
        ("a value became plain", set, ["value:note", "1 4 - json \"forged\""]),
        ("a value became plain, and says that it is sealed", set, ["value:note", "1 4 - sealed \"forged\""]),
        ("a value became a removed one", set, ["value:note", "1 4 - removed"]),
        ("a value of another form", set, ["value:note", "2 4 sealed more"]),
        ("a value is gone", remove, ["value:count", ""]),
        ("the seal is gone", remove, ["value:*", ""]),
        ("the seal was removed", set, ["value:*", "1 4 - removed"]),
        ("somebody else is logged in", set, ["principal", "root"]),
        ("it lives longer", set, ["absolute", &absolute]),
        ("it may be idle for longer", set, ["idle", "9999999"]),
        ("it was logged in to just now", set, ["since", &since]),
        ("it has another secret", set, ["secret", "000102030405060708090a0b0c0d0e0f"]),
        ("it has another version", set, ["version", &version]),
        ("it is remembered", set, ["persistent", "1"]),
    ] {
        scene.script(lua, &arguments).await;
        scene.is_refused(what).await;
        scene.put_back("good").await;
        scene.is_well_again().await;
    }
}

#[tokio::test]
async fn r37_an_older_value_and_another_sessions_value_are_refused() {
    let take = "redis.call('HSET', KEYS[1], ARGV[1], redis.call('HGET', ARGV[2], ARGV[1]))";
    let scene = Scene::set().await;
    scene.keep("old").await;
    scene.node.write(&scene.alice, "newer").await.unwrap();
    scene.node.write(&scene.alice, "mine").await.unwrap();
    scene.keep("good").await;
    let bob = Visitor::default();
    scene.node.login(&bob, "bob").await.unwrap();
    scene.node.add(&bob).await.unwrap();
    scene.node.write(&bob, "bob's").await.unwrap();
    for (what, from) in [("an older value", "old"), ("another session's value", &key(&tag_of(&bob)))] {
        for field in ["value:note", "value:*"] {
            scene.script(take, &[field, from]).await;
            scene.is_refused(&format!("{what}: {field}")).await;
            scene.put_back("good").await;
            scene.is_well_again().await;
        }
    }
    // The whole record, as it once was, is what its client notices, and nobody else.
    let before = scene.node.sessions.stats().rollbacks;
    scene.put_back("old").await;
    until("the client notices", async || {
        scene.node.note(&scene.alice).await.unwrap();
        scene.node.sessions.stats().rollbacks > before
    })
    .await;
}

#[tokio::test]
async fn r38_a_value_moves_to_the_active_key_when_it_is_written() {
    let scene = Scene::set().await;
    let both = node(&scene.deployment, SealPolicy::Require, &[2, 1]).await;
    assert_eq!(both.note(&scene.alice).await.unwrap().as_deref(), Some("mine"));
    both.write(&scene.alice, "newer").await.unwrap();
    let new = node(&scene.deployment, SealPolicy::Require, &[2]).await;
    assert_eq!(new.note(&scene.alice).await.unwrap().as_deref(), Some("newer"));
    assert_eq!(new.count(&scene.alice).await.unwrap_err().kind(), SessionErrorKind::UnknownKey);
    assert_eq!(new.add(&scene.alice).await.unwrap_err().kind(), SessionErrorKind::UnknownKey);
    assert_eq!(both.count(&scene.alice).await.unwrap(), Some(1), "nothing was overwritten");
    assert!(new.sessions.stats().keys_unknown > 0);
    // The client's token moves on to a key that the seals know nothing of.
    let keyed = scene.deployment.node_with(|store| store.lease(LONG), |sessions| sessions.keys(ring(&[3, 2]))).await;
    assert_eq!(keyed.whoami(&scene.alice).await.unwrap().as_deref(), Some("alice"));
    let stranger = node(&scene.deployment, SealPolicy::Require, &[3]).await;
    assert_eq!(stranger.whoami(&scene.alice).await.unwrap_err().kind(), SessionErrorKind::UnknownKey);
    assert!(scene.alice.cookie().is_some());
}

#[tokio::test]
async fn r41_nodes_take_up_sealing_one_after_the_other() {
    let deployment = Deployment::open().await;
    let alice = Visitor::default();
    // Keys come first, for tokens alone: their MACs have to be known to all nodes.
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
    assert_eq!(require.count(&bob).await.unwrap_err().kind(), SessionErrorKind::SealBroken, "plain all through");
}

#[tokio::test]
async fn r59_a_copied_record_is_refused_also_where_nothing_is_sealed() {
    let (deployment, here, there) = Deployment::with_two_nodes().await;
    let (alice, mallory) = (Visitor::default(), Visitor::default());
    here.login(&alice, "alice").await.unwrap();
    here.login(&mallory, "mallory").await.unwrap();
    let (from, to) = (key(&tag_of(&alice)), key(&tag_of(&mallory)));
    deployment.server.command(&["COPY", &from, &to, "REPLACE"]).await.unwrap();
    assert_eq!(there.whoami(&without_hint(&mallory)).await.unwrap(), None);
    assert_eq!(there.whoami(&without_hint(&alice)).await.unwrap().as_deref(), Some("alice"));
}

#[tokio::test]
async fn r64_a_record_copied_into_another_namespace_is_refused_with_the_same_keys() {
    for sealed in [false, true] {
        let scene = Scene::set().await;
        let node = |namespace: &'static str| {
            let address = scene.deployment.server.address();
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
        let selector = tag_of(&alice);
        let (from, to) = (format!("desk:session:{{{selector}}}"), format!("other:session:{{{selector}}}"));
        scene.deployment.server.command(&["COPY", &from, &to]).await.unwrap();
        let visit = without_hint(&alice).enter(&other);
        assert_ne!(
            visit.principal().await.ok().flatten().map(|user| user.as_str().to_owned()).as_deref(),
            Some("alice")
        );
        let visit = without_hint(&alice).enter(&here);
        assert_eq!(visit.principal().await.unwrap().unwrap().as_str(), "alice");
    }
}
