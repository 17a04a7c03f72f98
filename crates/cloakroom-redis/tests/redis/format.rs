//! The format in Redis is readable by people, and compatible with the versions before and after
//! this one.

use cloakroom::SessionErrorKind;
use cloakroom::store::{
    Action, Commit, Edit, Expect, Guard, Lifetimes, Record, Selector, Store, StoreErrorKind, Verifier,
};
use cloakroom::{Clock, SystemClock};
use cloakroom_redis::RecordFormat;

use crate::support::{Deployment, LONG, Node, Visitor, key, selector_of, until};

/// A session on the server that no node has loaded yet.
async fn at_rest() -> (Deployment, Visitor, String, Node) {
    let deployment = Deployment::open().await;
    let alice = Visitor::default();
    let node = deployment.node().await;
    node.add(&alice).await.unwrap();
    node.write(&alice, "a \"quoted\" text").await.unwrap();
    node.login(&alice, "alice").await.unwrap();
    node.add(&alice).await.unwrap();
    let selector = selector_of(&alice);
    let fresh = deployment.node().await;
    (deployment, alice, selector, fresh)
}

#[tokio::test]
async fn redis_cli_shows_what_a_session_holds() {
    let (deployment, alice, selector, _) = at_rest().await;
    let record = deployment.record(&selector).await;
    let get = |name: &str| record.iter().find(|(found, _)| found == name).map(|(_, content)| content.as_str());
    assert_eq!((get("format"), get("principal")), (Some("2"), Some("alice")));
    let count = format!("1 {} - json 1", get("version").unwrap());
    assert_eq!(get("value:count"), Some(&*count), "a value has a format, a version, an expiry and a payload");
    let note = get("value:note").unwrap();
    assert!(note.starts_with("1 ") && note.ends_with(" - removed"), "the login removed the note: {note}");
    for instant in ["created", "seen", "absolute", "since"] {
        assert!(get(instant).unwrap().parse::<u64>().unwrap() > 1_700_000_000_000, "{instant}");
    }
    assert_eq!(get("idle"), Some("1800000"));
    let token = alice.cookie().unwrap();
    let secret = &token.split_once('=').unwrap().1[22..43];
    assert!(!format!("{record:?}").contains(secret), "the server does not have the secret");
    assert_eq!(deployment.keys().await.len(), 2);
}

#[tokio::test]
async fn a_value_of_an_unknown_form_is_an_error_for_that_value_alone() {
    let tomorrow = "2 4 cbor whatever";
    for found in [tomorrow, "", "1 4 - json {", "1 4 - yaml a: b", "\u{fffd}garbage"] {
        let (deployment, alice, selector, node) = at_rest().await;
        deployment.server.command(&["HSET", &key(&selector), "value:count", found]).await.unwrap();
        assert_eq!(node.count(&alice).await.unwrap_err().kind(), SessionErrorKind::Decode, "{found}");
        assert_eq!(node.add(&alice).await.unwrap_err().kind(), SessionErrorKind::Decode, "{found}");
        node.write(&alice, "beside it").await.unwrap();
        assert_eq!(node.note(&alice).await.unwrap().as_deref(), Some("beside it"), "{found}");
        assert_eq!(node.whoami(&alice).await.unwrap().as_deref(), Some("alice"), "{found}");
        node.renew(&alice).await.unwrap();
        assert_eq!(deployment.field(&selector, "value:count").await.as_deref(), Some(found), "the field is unchanged");
    }
}

#[tokio::test]
async fn fields_that_nobody_here_knows_survive_everything() {
    let (deployment, alice, selector, node) = at_rest().await;
    let key = key(&selector);
    deployment.server.command(&["HSET", &key, "shoe", "44", "value:tomorrow", "1 4 - json [1]"]).await.unwrap();
    node.add(&alice).await.unwrap();
    node.write(&alice, "text").await.unwrap();
    node.renew(&alice).await.unwrap();
    node.login(&alice, "alice").await.unwrap();
    node.sessions.run_pending_tasks().await;
    assert_eq!(deployment.field(&selector, "shoe").await.as_deref(), Some("44"));
    assert_eq!(deployment.field(&selector, "value:tomorrow").await.as_deref(), Some("1 4 - json [1]"));
}

/// Checks every operation of the store on an invalid record.
async fn corrupt(node: &Node, selector: &str) {
    let selector = Selector::from_bytes(u128::from_str_radix(selector, 16).unwrap().to_be_bytes());
    let now = SystemClock::new().now();
    let load = node.store.load(selector).await.unwrap_err();
    assert_eq!(load.kind(), StoreErrorKind::Corrupt, "{load:?}");
    let commit = node.store.commit(selector, Commit::new(4, 1, Guard::Anyone, now)).await.unwrap_err();
    assert_eq!(commit.kind(), StoreErrorKind::Corrupt, "{commit:?}");
    let guard = Guard::Holder(Verifier::from_bytes([0; 16]));
    let destroy = node.store.destroy(selector, guard).await.unwrap_err();
    assert_eq!(destroy.kind(), StoreErrorKind::Corrupt, "{destroy:?}");
    let lifetimes =
        Lifetimes::new(now, std::time::Duration::from_secs(60), now.after(std::time::Duration::from_secs(60)));
    let create = node.store.create(selector, Record::new(Verifier::from_bytes([0; 16]), lifetimes, 7)).await;
    assert!(!matches!(create, Ok(cloakroom::store::Created::Done(_))), "{create:?}");
}

fn with(mut commit: Commit, edits: Vec<Edit>) -> Commit {
    commit.edits = edits;
    commit
}

#[tokio::test]
async fn a_record_that_does_not_read_is_neither_gone_nor_overwritten() {
    for (what, [name, content]) in [
        ("a newer format", ["format", "3"]),
        ("no number for a version", ["version", "four"]),
        ("no lifetime", ["idle", ""]),
        ("no end", ["absolute", "never"]),
        ("a broken secret", ["secret", "abc"]),
    ] {
        let (deployment, alice, selector, node) = at_rest().await;
        deployment.set(&selector, name, content).await;
        let before = deployment.record(&selector).await;
        assert_eq!(node.count(&alice).await.unwrap_err().kind(), SessionErrorKind::Decode, "{what}");
        assert_eq!(node.add(&alice).await.unwrap_err().kind(), SessionErrorKind::Decode, "{what}");
        assert!(alice.cookie().is_some(), "{what}");
        let number = u128::from_str_radix(&selector, 16).unwrap().to_be_bytes();
        let edit = Edit::new("count".into(), Expect::Any, Action::Remove);
        for edits in [vec![], vec![edit]] {
            let commit = Commit::new(4, 1, Guard::Anyone, SystemClock::new().now());
            let refused = node.store.commit(Selector::from_bytes(number), with(commit, edits)).await.unwrap_err();
            assert_eq!(refused.kind(), StoreErrorKind::Corrupt, "{what}: {refused:?}");
            assert_eq!(deployment.record(&selector).await, before, "{what}: nothing was written");
        }
    }
}

#[tokio::test]
async fn a_key_of_another_kind_is_corrupt_for_every_verb() {
    for words in [["SET", "x"].as_slice(), &["RPUSH", "x"], &["HSET", "a", "b"]] {
        let (deployment, alice, selector, node) = at_rest().await;
        let key = key(&selector);
        deployment.server.command(&["DEL", &key]).await.unwrap();
        let words: Vec<_> = [words[0], &key].into_iter().chain(words[1..].iter().copied()).collect();
        deployment.server.command(&words).await.unwrap();
        corrupt(&node, &selector).await;
        assert_eq!(node.count(&alice).await.unwrap_err().kind(), SessionErrorKind::Decode);
        assert_eq!(deployment.keys().await.len(), 2, "the key still exists");
    }
}

#[tokio::test]
async fn a_node_of_tomorrow_and_one_of_today_work_on_one_session() {
    let (deployment, alice, selector, today) = at_rest().await;
    today.add(&alice).await.unwrap();
    // Fields as a newer node would write: an unknown field, a value in a new format, and the next
    // version.
    let version = deployment.field(&selector, "version").await.unwrap().parse::<u64>().unwrap() + 1;
    let value = format!("2 {version} zstd ....");
    let version = version.to_string();
    deployment.set(&selector, "version", &version).await;
    let words = ["HSET", &key(&selector), "colour", "blue", "value:new", &value];
    deployment.server.command(&words).await.unwrap();
    let tab = crate::support::without_hint(&alice);
    let count = today.count(&tab).await.unwrap().unwrap();
    assert_eq!(today.add(&tab).await.unwrap(), count + 1);
    until("its version continues from that of the newer node", async || {
        deployment.field(&selector, "version").await.unwrap().parse::<u64>().unwrap() > version.parse::<u64>().unwrap()
    })
    .await;
    assert_eq!(deployment.field(&selector, "colour").await.as_deref(), Some("blue"));
    assert_eq!(deployment.field(&selector, "value:new").await, Some(value));
}

/// The fields of a record as version 0.1 wrote it.
const OF_VERSION_0_1: [&str; 26] = [
    "format",
    "1",
    "version",
    "7",
    "recent",
    "0000000a0000000b,0000000c0000000d,",
    "writers",
    "3 0000000a0000000b:7,0000000c0000000d:5,",
    "secret",
    "SECRET",
    "created",
    "CREATED",
    "seen",
    "CREATED",
    "idle",
    "1800000",
    "absolute",
    "ABSOLUTE",
    "persistent",
    "0",
    "principal",
    "alice",
    "since",
    "CREATED",
    "value:count",
    "1 7 - json 41",
];

/// Replaces the record of a session by one of version 0.1 with the same secret and a count of 41.
async fn downgrade(deployment: &Deployment, selector: &str) {
    let get = async |name| deployment.field(selector, name).await.unwrap();
    let (secret, created, absolute) = (get("secret").await, get("created").await, get("absolute").await);
    let word = |word: &str| match word {
        "SECRET" => secret.clone(),
        "CREATED" => created.clone(),
        "ABSOLUTE" => absolute.clone(),
        word => word.to_owned(),
    };
    let key = key(selector);
    deployment.server.command(&["DEL", &key]).await.unwrap();
    let fields: Vec<_> = OF_VERSION_0_1.into_iter().map(word).collect();
    let words: Vec<_> = ["HSET", &key].into_iter().chain(fields.iter().map(String::as_str)).collect();
    deployment.server.command(&words).await.unwrap();
    deployment.server.command(&["PEXPIRE", &key, "1800000"]).await.unwrap();
}

async fn names(deployment: &Deployment, selector: &str) -> Vec<String> {
    let answer = deployment.server.command(&["HKEYS", &key(selector)]).await.unwrap();
    let mut names: Vec<String> = redis::from_redis_value(answer).unwrap();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn a_session_of_version_0_1_is_read_and_converted_by_its_next_write() {
    let (deployment, alice, selector, _) = at_rest().await;
    downgrade(&deployment, &selector).await;
    let node = deployment.node().await;
    let tab = crate::support::without_hint(&alice);
    assert_eq!(node.count(&tab).await.unwrap(), Some(41));
    assert_eq!(deployment.field(&selector, "format").await.as_deref(), Some("1"), "a read converts nothing");
    assert_eq!(node.add(&tab).await.unwrap(), 42);
    let expected = ["format", "head", "principal", "seen", "since", "value:count"];
    assert_eq!(names(&deployment, &selector).await, expected, "the fields of format 1 are gone");
    let writers = deployment.field(&selector, "writers").await.unwrap();
    assert!(writers.contains(",0000000a0000000b:7,0000000c0000000d:5,"), "earlier writes are remembered: {writers}");
    let other = deployment.node().await;
    assert_eq!(other.count(&tab).await.unwrap(), Some(42));
    assert_eq!(other.whoami(&tab).await.unwrap().as_deref(), Some("alice"));
}

/// In format 1, a list of writers that cannot be parsed is ignored.
#[tokio::test]
async fn a_damaged_list_of_writers_is_not_carried_into_the_new_format() {
    for damaged in [
        "",
        "3",
        "3 ",
        "x 0000000a0000000b:7,",
        "3 0000000a0000000b:7,0000000c0000000d:5",
        "3 0a:7,",
        "3 ::::",
        "3 0000000a0000000b:7,:,,",
        "3 0000000a0000000b:77777777777777777777777,",
        "33333333333333333333333 0000000a0000000b:7,",
    ] {
        let (deployment, alice, selector, _) = at_rest().await;
        downgrade(&deployment, &selector).await;
        deployment.server.command(&["HSET", &key(&selector), "writers", damaged]).await.unwrap();
        let node = deployment.node().await;
        let tab = crate::support::without_hint(&alice);
        assert_eq!(node.add(&tab).await.unwrap(), 42, "{damaged:?}");
        let other = deployment.node().await;
        assert_eq!(other.count(&tab).await.unwrap(), Some(42), "{damaged:?}");
        assert_eq!(other.add(&tab).await.unwrap(), 43, "{damaged:?}");
    }
}

#[tokio::test]
async fn every_verb_works_on_a_session_of_version_0_1() {
    for format in [RecordFormat::V1, RecordFormat::V2] {
        let (deployment, alice, selector, _) = at_rest().await;
        downgrade(&deployment, &selector).await;
        let node = deployment.node_with(|store| store.lease(LONG).record_format(format), |sessions| sessions).await;
        assert_eq!(node.count(&alice).await.unwrap_or(Some(41)), Some(41));
        let alice = crate::support::without_hint(&alice);
        node.write(&alice, "text").await.unwrap();
        node.renew(&alice).await.unwrap();
        assert_eq!(node.add(&alice).await.unwrap(), 42);
        node.login(&alice, "alice").await.unwrap();
        node.sessions.run_pending_tasks().await;
        assert_eq!(node.sessions.of("alice").list().await.unwrap().len(), 1);
        let expected = if format == RecordFormat::V1 { "1" } else { "2" };
        assert_eq!(deployment.field(&selector, "format").await.as_deref(), Some(expected));
        assert_eq!(node.sessions.of("alice").revoke_all().await.unwrap(), 1);
    }
}

/// The first step of a deploy: nodes of this version write format 1, which version 0.1 reads. The
/// second step: nodes that write format 2 join them, on the same sessions.
#[tokio::test]
async fn nodes_of_both_formats_work_on_one_session_and_lose_nothing() {
    let deployment = Deployment::open().await;
    let first =
        deployment.node_with(|store| store.lease(LONG).record_format(RecordFormat::V1), |sessions| sessions).await;
    let second = deployment.node().await;
    let alice = Visitor::default();
    first.add(&alice).await.unwrap();
    let selector = selector_of(&alice);
    assert_eq!(deployment.field(&selector, "format").await.as_deref(), Some("1"));
    assert!(!names(&deployment, &selector).await.contains(&"head".to_owned()));
    for count in 1..5 {
        assert_eq!(second.add(&alice).await.unwrap(), 2 * count);
        assert_eq!(deployment.field(&selector, "format").await.as_deref(), Some("2"));
        assert_eq!(first.add(&alice).await.unwrap(), 2 * count + 1);
        assert_eq!(deployment.field(&selector, "format").await.as_deref(), Some("2"), "a write never converts back");
    }
    first.login(&alice, "alice").await.unwrap();
    assert_eq!(second.whoami(&alice).await.unwrap().as_deref(), Some("alice"));
}
