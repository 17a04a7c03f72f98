//! R02, R03, R20, R38, R40, R48: tokens with a MAC, and the lifecycle of its keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cloakroom::{
    Clock, CookieConfig, Event, EventKind, Key, KeyRing, SessionLayer, Stats, Timestamp, TokenHeader, Transport,
};
use cloakroom_testkit::{MemoryStore, SpyStore};
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

use crate::corpus::sealed_tokens::{Case, Expected, Seen, cases};
use crate::support::{BearerClient, Browser, Deployment, Node, minutes, routes, send, with_cookie};

/// Passes the checks for weak keys, and is the same in every run.
fn secret(id: u8) -> [u8; 32] {
    Sha256::digest([id, 0x5a]).into()
}

fn key(id: u8) -> Key {
    cloakroom_secret_scan::record("key", secret(id));
    Key::new(id, secret(id)).unwrap()
}

/// A ring with the first key active and the others accepted.
fn ring(ids: &[u8]) -> KeyRing {
    let (active, accepted) = ids.split_first().unwrap();
    accepted.iter().fold(KeyRing::new(key(*active)), |ring, id| ring.with_previous(key(*id)).unwrap())
}

fn with_keys(deployment: &Deployment, ids: &[u8]) -> Node {
    Node::new(deployment.builder().keys(ring(ids)))
}

/// The number of the key that a token names.
fn key_of(token: &str) -> u8 {
    URL_SAFE_NO_PAD.decode(token).unwrap()[0]
}

fn events(events: &mut cloakroom::Events) -> Vec<EventKind> {
    std::iter::from_fn(|| events.try_recv()).map(|Event { kind, .. }| kind).collect()
}

/// The counter of rejected tokens that a request increased.
fn counter_moved(before: &Stats, after: &Stats) -> Option<Expected> {
    let changes = [
        (after.tokens_malformed - before.tokens_malformed, Expected::Malformed),
        (after.tokens_forged - before.tokens_forged, Expected::Forged),
        (after.tokens_unknown_key - before.tokens_unknown_key, Expected::UnknownKey),
    ];
    assert!(changes.iter().map(|(times, _)| times).sum::<u64>() <= 1, "{changes:?}");
    changes.iter().find(|(times, _)| *times == 1).map(|(_, kind)| *kind)
}

/// A token with the MAC of this key, computed from the documentation and not by the library.
fn signed_token(id: u8, context: &str, identity: &[u8]) -> String {
    let mut derived = [0; 32];
    let info = [b"cloakroom/v1/token\0", context.as_bytes()].concat();
    Hkdf::<Sha256>::new(None, &secret(id)).expand(&info, &mut derived).unwrap();
    let message = [&[id], identity].concat();
    let mac = Hmac::<Sha256>::new_from_slice(&derived).unwrap().chain_update(&message).finalize().into_bytes();
    URL_SAFE_NO_PAD.encode([&message, &mac[..16]].concat())
}

/// Selector and secret of a token with a MAC, with or without a hint.
fn identity(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(token).unwrap()[1..33].to_vec()
}

#[tokio::test]
async fn a_token_with_a_mac_has_the_documented_format() {
    let node = with_keys(&Deployment::local(), &[2, 1]);
    let mut owner = Browser::new(&node.app);
    owner.post("/note/mine").await.ok();
    let token = owner.cookie.clone().unwrap();
    assert_eq!(token, signed_token(2, "cookie:__Host-session", &identity(&token)));
    let api =
        Node::with_transport(Deployment::local().builder().keys(ring(&[2])), Transport::bearer(TokenHeader::default()));
    let mut client = BearerClient::new(&api.app);
    client.post("/note/mine").await.ok();
    let token = client.token.clone().unwrap();
    assert_eq!(token, signed_token(2, "header:session-token", &identity(&token)));
}

#[tokio::test]
async fn r40_a_corpus_of_forged_tokens_opens_nothing_and_reaches_neither_table_nor_store() {
    let local = with_keys(&Deployment::local(), &[2, 1]);
    let store = SpyStore::new(MemoryStore::new());
    let shared = Node::new(crate::support::recorded().store(store.clone()).keys(ring(&[2, 1])));
    let mut owner = Browser::new(&local.app);
    owner.post("/login/victim").await.ok();
    owner.post("/note/secret").await.ok();
    let mut other = Browser::new(&local.app);
    other.post("/login/other").await.ok();
    let (live, other) = (owner.cookie.clone().unwrap(), other.cookie.unwrap());
    let elsewhere = signed_token(2, "cookie:__Host-other", &identity(&live));
    for Case { why, token, expected } in cases(&Seen { live, other, elsewhere, no_key: 3, accepted_key: 1 }) {
        for node in [&local, &shared] {
            drop(store.take_calls());
            let before = node.sessions.stats();
            let reply = send(&node.app, with_cookie("/note", &[b"__Host-session=", &*token].concat())).await.ok();
            let after = node.sessions.stats();
            if expected == Expected::Live {
                assert_eq!(reply.body == "secret", node.sessions.stats().sessions > 0, "{why}");
                continue;
            }
            assert_eq!((reply.body.as_str(), reply.set_cookie()), ("nothing", None), "{why}");
            assert_eq!(counter_moved(&before, &after), Some(expected), "{why}");
            assert_eq!(after.tokens_unknown, before.tokens_unknown, "{why}: the token was looked up");
            assert_eq!(store.take_calls(), [], "{why}");
        }
    }
    assert_eq!(owner.get("/whoami").await.ok().body, "victim");
}

#[tokio::test]
async fn r03_flipping_any_bit_of_a_token_with_a_mac_opens_nothing_also_where_its_session_is_in_memory() {
    for deployment in Deployment::both() {
        let node = with_keys(&deployment, &[1]);
        let mut owner = Browser::new(&node.app);
        owner.post("/note/mine").await.ok();
        owner.sync_hint().await;
        let bytes = URL_SAFE_NO_PAD.decode(owner.cookie.as_deref().unwrap()).unwrap();
        let before = node.sessions.stats();
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let reply = Browser::holding(&node.app, URL_SAFE_NO_PAD.encode(flipped)).get("/note").await;
            assert_eq!(reply.ok().body, "nothing", "bit {bit}");
        }
        let after = node.sessions.stats();
        let flips = bytes.len() as u64 * 8;
        assert_eq!(after.tokens_unknown_key - before.tokens_unknown_key, 8, "the bits of the key's number");
        assert_eq!(after.tokens_forged - before.tokens_forged, flips - 8);
        assert_eq!(after.store_loads, before.store_loads);
        assert_eq!(owner.get("/note").await.ok().body, "mine");
    }
}

#[tokio::test]
async fn r02_every_one_byte_mutation_of_a_token_with_a_mac_costs_no_lookup() {
    let store = SpyStore::new(MemoryStore::new());
    let node = Node::new(crate::support::recorded().store(store.clone()).keys(ring(&[1])));
    let mut owner = Browser::new(&node.app);
    owner.post("/note/mine").await.ok();
    let token = owner.cookie.clone().unwrap();
    for (position, original) in token.bytes().enumerate() {
        for byte in (b' '..=0xff).filter(|byte| *byte != 0x7f && *byte != original) {
            let mut mutated = token.clone().into_bytes();
            mutated[position] = byte;
            drop(store.take_calls());
            let reply = send(&node.app, with_cookie("/note", &[b"__Host-session=", &*mutated].concat())).await;
            assert_eq!(reply.ok().body, "nothing", "byte {byte} at {position}");
            assert_eq!(store.take_calls(), [], "byte {byte} at {position}");
        }
    }
}

#[tokio::test]
async fn r40_the_token_of_one_name_is_none_of_another() {
    for deployment in Deployment::both() {
        let sessions = deployment.builder().keys(ring(&[1])).build().unwrap();
        let cookie = CookieConfig::builder().name("__Host-other").build().unwrap();
        let layer = |transport| routes().layer(SessionLayer::new(sessions.clone()).transport(transport));
        let (first, second) = (layer(Transport::default()), layer(Transport::cookie(cookie)));
        let header = layer(Transport::bearer(TokenHeader::default()));
        let other_header = layer(Transport::bearer(TokenHeader::new("x-desk").unwrap()));
        let mut owner = Browser::new(&first);
        owner.post("/login/victim").await.ok();
        owner.sync_hint().await;
        let token = owner.cookie.clone().unwrap();
        let planted = http::Request::get("/whoami").header("cookie", format!("__Host-other={token}"));
        assert_eq!(send(&second, planted.body(axum::body::Body::empty()).unwrap()).await.ok().body, "nobody");
        for app in [&header, &other_header] {
            BearerClient::holding(app, token.clone()).get("/whoami").await.invalid_token();
        }
        assert_eq!(sessions.stats().tokens_forged, 3);
        assert_eq!(owner.get("/whoami").await.ok().body, "victim");
        let mut client = BearerClient::new(&header);
        client.post("/login/program").await.ok();
        let stolen = client.token.clone().unwrap();
        BearerClient::holding(&other_header, stolen.clone()).get("/whoami").await.invalid_token();
        assert_eq!(Browser::holding(&first, stolen).get("/whoami").await.ok().body, "nobody");
        assert_eq!(sessions.stats().tokens_forged, 5);
    }
}

#[tokio::test]
async fn r38_a_key_is_replaced_on_all_nodes_without_logging_anybody_out() {
    let deployment = Deployment::shared();
    let nodes = [with_keys(&deployment, &[1]), with_keys(&deployment, &[1])];
    let mut tab = Browser::new(&nodes[0].app);
    tab.post("/login/alice").await.ok();
    // Every node accepts the new key before any issues tokens with it.
    for (step, active) in [(&[1, 2][..], 1), (&[2, 1], 2), (&[2], 2)] {
        for (node, updated) in [(0, 1), (1, 2)] {
            nodes[node].sessions.replace_keys(ring(step)).unwrap();
            for target in [&nodes[0], &nodes[1], &nodes[0]] {
                tab = tab.at(&target.app);
                assert_eq!(tab.get("/whoami").await.ok().body, "alice", "{step:?} on {updated} of 2 nodes");
            }
        }
        assert_eq!(key_of(tab.cookie.as_deref().unwrap()), active, "{step:?}");
    }
    let stats = nodes.each_ref().map(|node| node.sessions.stats());
    assert!(stats.iter().all(|stats| stats.tokens_forged + stats.tokens_unknown_key == 0));
}

#[tokio::test]
async fn r38_a_token_of_an_accepted_key_is_given_again_once_and_only_where_the_session_is_used() {
    for deployment in Deployment::both() {
        let node = with_keys(&deployment, &[1]);
        let mut tab = Browser::new(&node.app);
        tab.post("/note/mine").await.ok();
        tab.sync_hint().await;
        let old = tab.cookie.clone().unwrap();
        node.sessions.replace_keys(ring(&[2, 1])).unwrap();
        let untouched = tab.get("/untouched").await.ok();
        assert_eq!(
            (untouched.set_cookie(), untouched.header("cache-control")),
            (None, vec![]),
            "an unused session changes no response, which may be cached"
        );
        let again = tab.get("/note").await.ok();
        assert_eq!(again.header("cache-control"), ["no-store"]);
        let new = tab.cookie.clone().unwrap();
        assert_eq!((key_of(&old), key_of(&new), identity(&old) == identity(&new)), (1, 2, true));
        assert_eq!(tab.get("/note").await.ok().set_cookie(), None);
        // A request in flight with the old token is not a reuse.
        assert_eq!(Browser::holding(&node.app, old).get("/note").await.ok().body, "mine");
    }
}

#[tokio::test]
async fn r38_a_token_of_an_accepted_key_that_opens_nothing_is_not_given_again() {
    for deployment in Deployment::both() {
        let node = with_keys(&deployment, &[1]);
        let mut tab = Browser::new(&node.app);
        tab.post("/note/mine").await.ok();
        let (mut superseded, mut ended) = (tab.clone(), Browser::new(&node.app));
        tab.post("/login/alice").await.ok();
        ended.post("/note/ended").await.ok();
        let late_client = ended.clone();
        ended.post("/do/destroy").await.ok();
        node.sessions.replace_keys(ring(&[2, 1])).unwrap();
        assert_eq!(superseded.get("/note").await.ok().set_cookie(), None);
        assert_eq!(late_client.clone().get("/note").await.ok().set_cookie(), None);
    }
}

#[tokio::test]
async fn r48_a_key_that_left_opens_nothing_from_the_next_request_on() {
    for deployment in Deployment::both() {
        let node = with_keys(&deployment, &[1]);
        let mut tabs = Vec::new();
        for number in 0..20 {
            let mut tab = Browser::new(&node.app);
            tab.post(&format!("/login/{number}")).await.ok();
            tabs.push(tab);
        }
        let mut event_stream = node.sessions.events();
        node.sessions.replace_keys(ring(&[2])).unwrap();
        for tab in &tabs {
            let reply = tab.clone().get("/whoami").await.ok();
            assert_eq!((reply.body.as_str(), reply.set_cookie()), ("nobody", None), "the client keeps its cookie");
        }
        assert_eq!(node.sessions.stats().tokens_unknown_key, 20);
        assert_eq!(events(&mut event_stream), [EventKind::TokenOfUnknownKey; 20], "each is announced");
        // A login after the replacement works.
        let mut fresh = Browser::new(&node.app);
        fresh.post("/login/fresh").await.ok();
        assert_eq!(fresh.get("/whoami").await.ok().body, "fresh");
    }
}

#[tokio::test]
async fn replacing_keys_requires_initial_keys() {
    let error = Deployment::local().node().sessions.replace_keys(ring(&[1])).unwrap_err();
    assert_eq!(error.setting(), "keys");
    assert!(error.to_string().contains("give the builder a `KeyRing`"), "{error}");
}

#[tokio::test]
async fn r41_a_token_without_a_mac_opens_nothing_where_there_are_keys_and_the_reverse() {
    for deployment in Deployment::both() {
        let (keyless, keyed) = (deployment.node(), with_keys(&deployment, &[1]));
        let mut unsigned = Browser::new(&keyless.app);
        unsigned.post("/login/plain").await.ok();
        assert_eq!(unsigned.at(&keyed.app).get("/whoami").await.ok().body, "nobody");
        assert_eq!(keyed.sessions.stats().tokens_malformed, 1);
        let mut signed = Browser::new(&keyed.app);
        signed.post("/login/signed").await.ok();
        assert_eq!(signed.at(&keyless.app).get("/whoami").await.ok().body, "nobody");
        // The selector and secret inside a token with a MAC open nothing either.
        let unsigned_token = URL_SAFE_NO_PAD.encode(identity(signed.cookie.as_deref().unwrap()));
        assert_eq!(Browser::holding(&keyed.app, unsigned_token).get("/whoami").await.ok().body, "nobody");
    }
}

#[tokio::test]
async fn r38_keys_are_turned_on_without_logging_anybody_out_for_as_long_as_is_said() {
    let deployment = Deployment::shared();
    let keyless = deployment.node();
    let end = deployment.clock.now().after(minutes(10));
    let sessions = deployment.builder().keys(ring(&[1])).build().unwrap();
    let migrating = routes().layer(SessionLayer::new(sessions.clone()).accept_unsigned_until(end));
    let mut early_client = Browser::new(&keyless.app);
    early_client.post("/login/early").await.ok();
    let mut late_client = Browser::new(&keyless.app);
    late_client.post("/login/late").await.ok();

    let mut early_client = early_client.at(&migrating);
    assert_eq!(early_client.get("/whoami").await.ok().body, "early");
    assert_eq!(key_of(early_client.cookie.as_deref().unwrap()), 1, "a signed token was issued");
    assert_eq!(sessions.stats().tokens_unsigned, 1);
    deployment.clock.advance(minutes(10));
    assert_eq!(late_client.at(&migrating).get("/whoami").await.ok().body, "nobody");
    assert_eq!(early_client.get("/whoami").await.ok().body, "early");
    assert_eq!((sessions.stats().tokens_unsigned, sessions.stats().tokens_malformed), (1, 1));
    assert_eq!(late_client.get("/whoami").await.ok().body, "late", "the session itself still exists");
}

#[tokio::test]
async fn r38_accepting_plain_tokens_is_said_in_the_log() {
    let (log, _guard) = crate::support::capture();
    let deployment = Deployment::local();
    let end = Timestamp::from_millis(1_234_567);
    drop(SessionLayer::new(deployment.node().sessions).accept_unsigned_until(end));
    assert_eq!(log.info_lines(), 0, "without keys the setting has no effect");
    drop(SessionLayer::new(with_keys(&deployment, &[1]).sessions).accept_unsigned_until(end));
    assert!(log.info_lines() == 1 && log.text().contains("1234567"), "{}", log.text());
}

#[tokio::test]
async fn log_ids_follow_the_active_key() {
    let node = with_keys(&Deployment::local(), &[1]);
    let mut event_stream = node.sessions.events();
    let mut tab = Browser::new(&node.app);
    tab.post("/note/mine").await.ok();
    tab.post("/login/alice").await.ok();
    node.sessions.replace_keys(ring(&[2, 1])).unwrap();
    tab.post("/login/alice").await.ok();
    let ids: Vec<_> = std::iter::from_fn(|| event_stream.try_recv()).map(|event| event.session.unwrap()).collect();
    assert!(ids.len() == 3 && ids[0] == ids[1] && ids[1] != ids[2], "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_dead_token_under_an_old_key_is_refused_without_delay() {
    let deployment = Deployment::shared();
    let old = with_keys(&deployment, &[1]);
    let store = deployment.store.as_ref().unwrap().node().with_max_lease(std::time::Duration::from_secs(2));
    let new = Node::new(crate::support::recorded().clock(deployment.clock.clone()).store(store).keys(ring(&[2, 1])));
    let mut browser = Browser::new(&old.app);
    browser.post("/login/alice").await.ok();
    let mut dead = browser.at(&new.app);
    browser.post("/login/alice").await.ok();
    let started = tokio::time::Instant::now();
    for _ in 0..3 {
        assert_eq!(dead.get("/whoami").await.ok().body, "nobody");
    }
    assert_eq!(started.elapsed(), std::time::Duration::ZERO);
}
