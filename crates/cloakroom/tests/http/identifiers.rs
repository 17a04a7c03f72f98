//! R01, R02, R03, R05: how tokens are generated, and that each has exactly one spelling.

use std::collections::HashSet;

use axum::Router;
use axum::routing::any;
use cloakroom::{RandomError, RandomSource, Session, SessionError};
use cloakroom_testkit::{FailingRandom, MemoryStore, SpyStore};
use http::StatusCode;

use crate::support::{
    Browser, COOKIE, Count, Deployment, Node, SPARE_BITS, canonical, decode, send, with_cookie, with_spare_bits,
};

const SESSIONS: usize = 1_000_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn r01_a_million_tokens_are_distinct_and_unbiased() {
    // A small budget evicts older sessions, since only their tokens matter here.
    let sessions = crate::support::recorded().memory_limit(8 << 20).build().unwrap();
    let app = Node::with_sessions(sessions, Router::new().route("/", any(create)));
    let halves: Vec<_> = (0..2).map(|_| tokio::spawn(tokens(app.clone(), SESSIONS / 2))).collect();
    let mut all = Vec::with_capacity(SESSIONS);
    for half in halves {
        all.extend(half.await.unwrap());
    }
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), SESSIONS);
    // Six standard deviations of a fair coin.
    let allowed = 6.0 * (SESSIONS as f64).sqrt() / 2.0;
    for bit in 0..256 {
        let ones = all.iter().filter(|token| token[bit / 8] >> (bit % 8) & 1 == 1).count();
        let deviation = (ones as f64 - SESSIONS as f64 / 2.0).abs();
        assert!(deviation < allowed, "bit {bit} deviates by {deviation}; at most {allowed} is allowed");
    }
}

async fn create(session: Session) -> Result<(), SessionError> {
    session.set(Count(1)).await
}

async fn tokens(app: Router, count: usize) -> Vec<[u8; 32]> {
    let mut tokens = Vec::with_capacity(count);
    for _ in 0..count {
        let reply = send(&app, with_cookie("/", b"")).await;
        tokens.push(decode(reply.new_cookie().unwrap()));
    }
    tokens
}

#[tokio::test]
async fn r01_without_randomness_nothing_is_created_and_no_cookie_is_set() {
    // A login replaces the secret that the creation made.
    for (path, expected) in [("/note/hello", 1), ("/login/alice", 2)] {
        for deployment in Deployment::both() {
            let of_the_process = fills_until_built(&deployment);
            assert!(of_the_process >= 2, "at least two process keys");
            let fills = fills_until_success(&deployment, path).await;
            assert_eq!(fills - of_the_process, expected, "{path}: each is a system call");
        }
    }
}

/// Returns the number of fills that a process makes before its first request.
fn fills_until_built(deployment: &Deployment) -> u64 {
    let is_built = |fills: &u64| deployment.builder().random(FailingRandom::after(*fills)).build().is_ok();
    (0..).find(is_built).expect("every number of fills is tried")
}

/// Creates sessions with a random source that fails after more and more fills. Each attempt is
/// refused until the source lasts long enough; returns the number of fills.
async fn fills_until_success(deployment: &Deployment, path: &str) -> u64 {
    for fills in 0.. {
        let Ok(sessions) = deployment.builder().random(FailingRandom::after(fills)).build() else { continue };
        let node = Node { app: Node::with_sessions(sessions.clone(), crate::support::routes()), sessions };
        let reply = Browser::new(&node.app).post(path).await;
        if reply.status == StatusCode::OK {
            return fills;
        }
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(reply.set_cookie(), None);
        assert_eq!(deployment.session_count(&node), 0, "after {fills} fills");
    }
    unreachable!("every number of fills was tried")
}

#[tokio::test]
async fn r02_every_one_byte_mutation_of_a_live_token_opens_nothing() {
    let local = Deployment::local().node();
    let store = SpyStore::new(MemoryStore::new());
    let shared = Node::new(crate::support::recorded().store(store.clone()));
    for node in [local, shared] {
        let mut owner = Browser::new(&node.app);
        owner.post("/note/mine").await.ok();
        let bare_token = owner.bare_token();
        drop(store.take_calls());
        for (position, byte) in every_mutation(&bare_token) {
            let mut mutated = bare_token.clone().into_bytes();
            mutated[position] = byte;
            let reply = send(&node.app, with_cookie("/note", &cookie_field(&mutated))).await;
            assert_eq!(reply.ok().body, "nothing", "byte {byte} at {position}");
            let calls = store.take_calls();
            let well_formed = std::str::from_utf8(&mutated).is_ok_and(is_canonical);
            assert!(well_formed || calls.is_empty(), "a malformed token cost {calls:?}");
        }
        assert_eq!(owner.get("/note").await.ok().body, "mine");
    }
}

fn every_mutation(bare_token: &str) -> impl Iterator<Item = (usize, u8)> {
    let header_safe = (b' '..=0xff).filter(|byte| *byte != 0x7f).collect::<Vec<_>>();
    bare_token.bytes().enumerate().flat_map(move |(position, original)| {
        header_safe.clone().into_iter().filter(move |byte| *byte != original).map(move |byte| (position, byte))
    })
}

fn is_canonical(text: &str) -> bool {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(text);
    decoded.is_ok_and(|bytes| bytes.len() == 32)
}

fn cookie_field(value: &[u8]) -> Vec<u8> {
    [COOKIE.as_bytes(), b"=", value].concat()
}

#[tokio::test]
async fn r02_a_token_has_exactly_one_spelling() {
    let store = SpyStore::new(MemoryStore::new());
    let node = Node::new(crate::support::recorded().store(store.clone()));
    let mut owner = Browser::new(&node.app);
    owner.post("/note/mine").await.ok();
    let bare_token = owner.bare_token();
    let value = owner.cookie.clone().unwrap();
    let mut others: Vec<String> = (1..1 << SPARE_BITS).map(|spare| with_spare_bits(&bare_token, spare)).collect();
    others.extend([
        format!("{bare_token}="),
        format!("{bare_token}=="),
        format!("\"{bare_token}\""),
        format!("={bare_token}"),
    ]);
    others.extend([
        format!("{bare_token}."),
        format!("{value}."),
        format!("{value}A"),
        format!("{bare_token}%20"),
        format!(".{bare_token}"),
    ]);
    others.extend([
        bare_token.replace(['-', '_'], "+"),
        format!("{bare_token}A"),
        bare_token[..42].to_owned(),
        format!("{bare_token}{bare_token}"),
    ]);
    drop(store.take_calls());
    for other in others.iter().filter(|other| **other != bare_token) {
        let reply = send(&node.app, with_cookie("/note", &cookie_field(other.as_bytes()))).await;
        assert_eq!(reply.ok().body, "nothing", "{other}");
        assert!(store.take_calls().is_empty(), "{other}");
    }
}

#[tokio::test]
async fn r03_flipping_any_bit_of_a_token_opens_nothing() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let mut owner = Browser::new(&node.app);
        owner.post("/note/mine").await.ok();
        let bytes = decode(&owner.bare_token());
        for bit in 0..256 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let reply = Browser::holding(&node.app, canonical(&flipped)).get("/note").await;
            assert_eq!(reply.ok().body, "nothing", "bit {bit}");
        }
        assert_eq!(Browser::holding(&node.app, canonical(&bytes)).get("/note").await.ok().body, "mine");
    }
}

/// A random source that always returns the same bytes.
#[derive(Clone, Copy)]
struct ConstantRandom;

impl RandomSource for ConstantRandom {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        buffer.fill(7);
        Ok(())
    }
}

#[tokio::test]
async fn r05_a_tag_that_is_taken_is_never_given_again() {
    for deployment in Deployment::both() {
        let node = Node::new(deployment.builder().random(ConstantRandom));
        let mut first = Browser::new(&node.app);
        first.post("/note/first").await.ok();
        // Over a store, a repeated nonce means a repeated call, so the second node needs other
        // nonces.
        let other = Node::new(deployment.builder().random(ConstantExceptNonces::default()));
        let second_node = if deployment.store.is_some() { &other } else { &node };
        let reply = Browser::new(&second_node.app).post("/note/second").await;
        assert_eq!(reply.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(reply.set_cookie(), None);
        assert_eq!(first.get("/note").await.ok().body, "first");
        assert_eq!(deployment.session_count(&node), 1);
    }
}

/// Returns the same selectors and secrets (32 bytes) as [`ConstantRandom`], but a new nonce (8
/// bytes) each time.
#[derive(Default)]
struct ConstantExceptNonces(std::sync::atomic::AtomicU64);

impl RandomSource for ConstantExceptNonces {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), RandomError> {
        buffer.fill(7);
        if let Ok(nonce) = <&mut [u8; 8]>::try_from(buffer) {
            *nonce = (1000 + self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed)).to_le_bytes();
        }
        Ok(())
    }
}
