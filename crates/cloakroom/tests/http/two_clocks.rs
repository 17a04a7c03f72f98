//! R07, R08, R09, R15, R50: two nodes with different clocks. The second is ahead of the first, or
//! behind it.

use axum::extract::Path;
use axum::routing::any;
use cloakroom::store::{PreviousSecret, Record, Selector};
use cloakroom::{
    Clock, CookieConfig, EventKind, Key, KeyRing, ReusePolicy, SealPolicy, Session, SessionError, SessionLayer,
    Sessions, SessionsBuilder, Timestamp, Transport,
};
use cloakroom_jwt::{JwtCodec, JwtKey, JwtKeys};
use cloakroom_testkit::{ManualClock, SeededRandom};
use http::StatusCode;

use crate::support::{Browser, CLOCK_SKEWS, Deployment, Node, Recording, capture, decode, recorded, routes, secs};

/// The format of tokens and records.
#[derive(Clone, Copy, Debug)]
enum Format {
    Plain,
    WithMac,
    Sealed,
    Jwt,
}

const FORMATS: [Format; 4] = [Format::Plain, Format::WithMac, Format::Sealed, Format::Jwt];

impl Format {
    fn node(self, builder: SessionsBuilder) -> Node {
        let ring = || KeyRing::new(Key::generate(1, &SeededRandom::new(1)).unwrap());
        let builder = match self {
            Self::Plain | Self::Jwt => builder,
            Self::WithMac => builder.keys(ring()),
            Self::Sealed => builder.keys(ring()).seal(SealPolicy::Require),
        };
        let sessions = builder.build().unwrap();
        Node { app: routes_with_csrf().layer(self.layer(sessions.clone())), sessions }
    }

    fn layer(self, sessions: Sessions) -> SessionLayer {
        let layer = SessionLayer::new(sessions);
        let Self::Jwt = self else { return layer };
        let keys = JwtKeys::new(JwtKey::generate("active", &Recording(SeededRandom::new(2))).unwrap());
        let codec = JwtCodec::builder("shop", keys).issuer("https://shop.example").audience("https://shop.example");
        let codec = codec.leeway(secs(60)).build().unwrap();
        layer.transport(Transport::cookie(CookieConfig::default()).codec(codec).unwrap())
    }

    fn nodes(self, deployment: &Deployment) -> [Node; 2] {
        [self.node(deployment.builder()), self.node(deployment.other_builder())]
    }
}

/// The usual routes, and two that issue and check a CSRF token.
fn routes_with_csrf() -> axum::Router {
    let page = async |session: Session| {
        let token = session.csrf_token().await?;
        Ok::<_, SessionError>(token.map_or_else(|| "none".to_owned(), |token| token.as_str().to_owned()))
    };
    let check = async |session: Session, Path(token): Path<String>| session.check_csrf(&token).await;
    routes().route("/page", any(page)).route("/check/{token}", any(check))
}

/// Asserts that no use of this token succeeds on either node.
async fn assert_opens_nothing(nodes: &[Node; 2], dead: &Browser, context: &str) {
    for node in nodes {
        let mut attacker = dead.at(&node.app);
        assert_eq!(attacker.get("/whoami").await.ok().body, "nobody", "{context}");
        assert_eq!(attacker.get("/note").await.ok().body, "nothing", "{context}");
        assert_eq!(attacker.get("/page").await.ok().body, "none", "{context}");
        for write in ["/note/evil", "/count", "/do/remove"] {
            assert_eq!(attacker.post(write).await.status, StatusCode::UNAUTHORIZED, "{write}: {context}");
        }
        for path in ["/do/renew", "/do/rotate", "/do/destroy"] {
            assert_eq!(attacker.post(path).await.set_cookie(), None, "{path}: {context}");
        }
    }
}

#[tokio::test]
async fn r08_what_a_login_or_a_rotation_replaced_opens_nothing_whatever_the_clocks_say() {
    for format in FORMATS {
        for (skew, rotation) in CLOCK_SKEWS.iter().flat_map(|skew| [(*skew, "/login/alice"), (*skew, "/do/rotate")]) {
            for has_copy in [false, true] {
                let context = format!(
                    "{format:?}, the second clock is {skew} ms ahead, {rotation}, the second node has a copy: {has_copy}"
                );
                let deployment = Deployment::with_clock_skew(skew);
                let nodes = format.nodes(&deployment);
                let mut browser = Browser::new(&nodes[0].app);
                browser.post("/note/mine").await.ok();
                browser.post("/login/alice").await.ok();
                browser.post("/note/mine").await.ok();
                let page = browser.get("/page").await.ok().body;
                if has_copy {
                    assert_eq!(browser.at(&nodes[1].app).get("/note").await.ok().body, "mine", "{context}");
                }
                let dead = browser.clone();
                browser.post(rotation).await.ok();
                for seconds in [0, 1, 3, 50, 120] {
                    deployment.clock.advance(secs(seconds));
                    assert_opens_nothing(&nodes, &dead, &context).await;
                    for node in &nodes {
                        let check = format!("/check/{page}");
                        assert_eq!(browser.at(&node.app).post(&check).await.status, StatusCode::FORBIDDEN, "{context}");
                        assert_eq!(browser.at(&node.app).get("/whoami").await.ok().body, "alice", "{context}");
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn r09_a_renewal_gives_its_grace_on_both_nodes_and_no_more_than_the_clocks_differ() {
    for format in FORMATS {
        for skew in [0, 1, 3_000, -3_000] {
            let deployment = Deployment::with_clock_skew(skew);
            let nodes = format.nodes(&deployment);
            let mut browser = Browser::new(&nodes[0].app);
            browser.post("/note/mine").await.ok();
            let page = browser.get("/page").await.ok().body;
            let old = browser.clone();
            browser.post("/do/renew").await.ok();
            deployment.clock.advance(secs(6));
            for node in &nodes {
                assert_eq!(old.at(&node.app).get("/note").await.ok().body, "mine", "{format:?} {skew}");
                assert_eq!(browser.at(&node.app).post(&format!("/check/{page}")).await.status, StatusCode::OK);
            }
            deployment.clock.advance(secs(8));
            assert_opens_nothing(&nodes, &old, &format!("{format:?} {skew}")).await;
        }
    }
}

/// A node with a clock ahead has used the session, so its record contains a time that is in the
/// future for the other node.
#[tokio::test]
async fn r09_a_node_that_is_ahead_ends_no_grace_before_it_began() {
    let deployment = Deployment::with_clock_skew(50_000);
    let [here, there] = deployment.nodes();
    let mut browser = Browser::new(&there.app);
    browser.post("/note/mine").await.ok();
    let mut browser = browser.at(&here.app);
    let old = browser.clone();
    browser.post("/do/renew").await.ok();
    for node in [&here, &there] {
        assert_eq!(old.at(&node.app).get("/note").await.ok().body, "mine");
        old.at(&node.app).post("/count").await.ok();
    }
    deployment.clock.advance(secs(61));
    for node in [&here, &there] {
        assert_eq!(old.at(&node.app).get("/note").await.ok().body, "nothing");
    }
}

fn record_of(deployment: &Deployment, browser: &Browser) -> (Selector, Record) {
    let selector = Selector::from_bytes(decode(&browser.bare_token())[..16].try_into().unwrap());
    (selector, deployment.store.as_ref().unwrap().record(selector).unwrap())
}

/// A node of an earlier release writes a replaced secret as valid until the time of the login.
#[tokio::test]
async fn r08_what_a_node_of_an_earlier_release_replaced_opens_nothing_here_either() {
    for skew in CLOCK_SKEWS {
        let deployment = Deployment::with_clock_skew(skew);
        let nodes = Format::Plain.nodes(&deployment);
        let mut browser = Browser::new(&nodes[0].app);
        browser.post("/note/mine").await.ok();
        let dead = browser.clone();
        browser.post("/login/alice").await.ok();
        let (selector, mut record) = record_of(&deployment, &browser);
        let previous = record.previous.unwrap();
        record.previous = Some(PreviousSecret::renewed(previous.verifier, previous.dead_since()));
        deployment.store.as_ref().unwrap().roll_back(selector, record);
        for node in &nodes {
            node.sessions.run_pending_tasks().await;
            assert_eq!(browser.at(&node.app).post("/do/refresh").await.ok().body, "true");
        }
        assert_opens_nothing(&nodes, &dead, &format!("{skew}")).await;
    }
}

#[tokio::test]
async fn r10_a_late_request_with_a_replaced_token_is_no_theft_on_the_other_node() {
    for skew in [0, 1, 3_000, -3_000, 50_000] {
        let deployment = Deployment::with_clock_skew(skew);
        let nodes = [deployment.builder(), deployment.other_builder()]
            .map(|builder| Node::new(builder.on_reuse(ReusePolicy::End)));
        let mut browser = Browser::new(&nodes[0].app);
        browser.post("/note/mine").await.ok();
        let late = browser.clone();
        browser.post("/login/alice").await.ok();
        for node in &nodes {
            late.at(&node.app).get("/note").await.ok();
            assert_eq!(browser.at(&node.app).get("/whoami").await.ok().body, "alice", "{skew}");
        }
    }
}

#[tokio::test]
async fn r16_a_login_from_further_ahead_than_clocks_may_differ_is_not_recent() {
    for (skew, expected) in [(50_000, "true"), (3_000, "true"), (61_000, "false"), (600_000, "false")] {
        let deployment = Deployment::with_clock_skew(skew);
        let [here, there] = deployment.nodes();
        let mut browser = Browser::new(&here.app);
        browser.post("/note/mine").await.ok();
        let mut browser = browser.at(&there.app);
        browser.post("/login/alice").await.ok();
        let mut browser = browser.at(&here.app);
        assert_eq!(browser.get("/whoami").await.ok().body, "alice", "{skew}");
        assert_eq!(browser.get("/do/authenticated-within").await.ok().body, expected, "{skew}");
    }
}

#[tokio::test]
async fn r15_a_node_says_so_whenever_its_clock_and_the_stores_are_too_far_apart() {
    for skew in [61_000, -61_000, 3_600_000] {
        let deployment = Deployment::shared();
        let (log, _guard) = capture();
        let clock = ManualClock::starting_at(deployment.clock.now());
        let builder = recorded().clock(clock.clone()).store(deployment.store.as_ref().unwrap().node());
        let node = Node::new(builder);
        let mut events = node.sessions.events();
        for count in 1..3 {
            for small_skew in [0, 59_000, -59_000] {
                clock.set(deployment.clock.ahead_by(small_skew).now());
                node.sessions.run_pending_tasks().await;
            }
            assert_eq!(node.sessions.stats().clocks_apart, count - 1, "{skew}");
            clock.set(deployment.clock.ahead_by(skew).now());
            for _ in 0..3 {
                node.sessions.run_pending_tasks().await;
            }
            assert_eq!(node.sessions.stats().clocks_apart, count, "{skew}");
            assert_eq!(events.try_recv().map(|event| event.kind), Some(EventKind::ClocksApart));
            assert!(events.try_recv().is_none(), "one event per occurrence");
            assert!(log.text().contains("differ by more than a minute"), "{}", log.text());
        }
    }
}

#[test]
fn a_skewed_clock_follows_the_first_one() {
    let deployment = Deployment::with_clock_skew(-3_000);
    deployment.other_clock.set(Timestamp::from_millis(7_000));
    assert_eq!(deployment.clock.now(), Timestamp::from_millis(10_000));
    deployment.clock.advance(secs(1));
    assert_eq!(deployment.other_clock.now(), Timestamp::from_millis(8_000));
}
