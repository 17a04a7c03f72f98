//! A request lasts some time: while it runs, it keeps its session alive. Code that outlives its
//! response must not make changes whose token could no longer reach the client.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use cloakroom::{Clock, EndReason, Session, SessionErrorKind, SessionLayer};
use http::StatusCode;
use http::header::CACHE_CONTROL;
use tokio::task::JoinHandle;

use crate::support::{Browser, Count, Deployment, HandlerGate, Node, Note, Reply, minutes, perform, routes, secs};

const IDLE: Duration = minutes(30);

/// Sessions that outlive their requests.
#[derive(Clone, Default)]
struct KeptSessions(Arc<Mutex<Vec<Session>>>);

impl KeptSessions {
    fn take(&self) -> Session {
        self.0.lock().unwrap().pop().unwrap()
    }
}

/// The usual routes, the pausing ones, one that pauses before it reads its session, and one that
/// keeps the session.
fn all_routes(gate: &HandlerGate, kept: &KeptSessions) -> Router {
    let (first_gate, kept) = (gate.clone(), kept.clone());
    let paused_first = async move |session: Session, Path(verb): Path<String>| {
        first_gate.pause().await;
        perform(&session, &verb).await
    };
    let keep = async move |session: Session| {
        kept.0.lock().unwrap().push(session);
    };
    gate.routes().route("/paused-first/{verb}", any(paused_first)).route("/keep", any(keep))
}

struct Fixture {
    deployment: Deployment,
    gate: HandlerGate,
    kept: KeptSessions,
    nodes: [Node; 2],
}

impl Fixture {
    fn new(deployment: Deployment) -> Self {
        let (gate, kept) = (HandlerGate::new(), KeptSessions::default());
        let first = Node::with_routes(deployment.builder(), all_routes(&gate, &kept));
        let second = match deployment.store {
            Some(_) => Node::with_routes(deployment.builder(), all_routes(&gate, &kept)),
            None => first.clone(),
        };
        Self { deployment, gate, kept, nodes: [first, second] }
    }

    fn both() -> [Self; 2] {
        Deployment::both().map(Self::new)
    }

    /// Advances the clock in steps that the background task notices.
    async fn advance(&self, span: Duration) {
        for _ in 0..(span.as_millis() / (IDLE / 10).as_millis()).max(1) {
            self.deployment.clock.advance(span.min(IDLE / 10));
            for node in &self.nodes {
                node.sessions.run_pending_tasks().await;
            }
        }
    }

    async fn begin(&self, browser: &Browser, node: &Node, path: &'static str) -> JoinHandle<Reply> {
        let mut browser = browser.at(&node.app);
        let request = tokio::spawn(async move { browser.post(path).await });
        self.gate.wait_until_paused().await;
        request
    }

    async fn finish(&self, request: JoinHandle<Reply>) -> Reply {
        self.gate.release();
        request.await.unwrap()
    }
}

#[tokio::test]
async fn r12_a_request_in_progress_keeps_its_session_from_falling_idle_and_its_end_is_activity() {
    for path in ["/paused/update", "/paused-first/update", "/paused-first/nothing"] {
        for fixture in Fixture::both() {
            for node in &fixture.nodes {
                let mut browser = Browser::new(&fixture.nodes[0].app);
                browser.post("/login/alice").await.ok();
                let request = fixture.begin(&browser, node, path).await;
                fixture.advance(4 * IDLE).await;
                fixture.finish(request).await.ok();
                fixture.advance(IDLE - minutes(3)).await;
                assert_eq!(browser.get("/whoami").await.ok().body, "alice", "{path}");
                fixture.advance(IDLE + IDLE / 5).await;
                assert_eq!(browser.get("/whoami").await.ok().body, "nobody", "{path}: nothing keeps the session alive");
            }
        }
    }
}

#[tokio::test]
async fn r13_a_request_in_progress_keeps_no_session_beyond_its_absolute_end() {
    for fixture in Fixture::both() {
        let mut browser = Browser::new(&fixture.nodes[0].app);
        browser.post("/login/alice").await.ok();
        let request = fixture.begin(&browser, &fixture.nodes[1], "/paused/update").await;
        fixture.advance(minutes(24 * 60)).await;
        assert_eq!(fixture.finish(request).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(fixture.deployment.session_count(&fixture.nodes[0]), 0);
    }
}

#[tokio::test]
async fn a_request_survives_a_renewal_but_not_a_rotation_of_its_token() {
    for (other_request, status) in [
        ("/do/renew", StatusCode::OK),
        ("/do/login", StatusCode::UNAUTHORIZED),
        ("/do/rotate", StatusCode::UNAUTHORIZED),
        ("/do/destroy", StatusCode::UNAUTHORIZED),
    ] {
        for fixture in Fixture::both() {
            let mut browser = Browser::new(&fixture.nodes[0].app);
            browser.post("/login/alice").await.ok();
            let request = fixture.begin(&browser, &fixture.nodes[1], "/paused/update").await;
            browser.post(other_request).await.ok();
            // Longer than any grace.
            fixture.advance(minutes(3)).await;
            if other_request == "/do/renew" {
                browser.post(other_request).await.ok();
                fixture.advance(minutes(3)).await;
            }
            let reply = fixture.finish(request).await;
            assert_eq!((reply.status, reply.set_cookie()), (status, None), "{other_request}");
        }
    }
}

#[tokio::test]
async fn a_request_with_a_token_replaced_by_a_login_keeps_nothing_alive() {
    for fixture in Fixture::both() {
        let mut browser = Browser::new(&fixture.nodes[0].app);
        browser.post("/login/alice").await.ok();
        let request = fixture.begin(&browser, &fixture.nodes[1], "/paused/update").await;
        browser.post("/login/alice").await.ok();
        fixture.advance(2 * IDLE).await;
        assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
        fixture.finish(request).await;
    }
}

#[tokio::test]
async fn a_session_outlives_its_response_by_reads_or_by_keep_active() {
    for fixture in Fixture::both() {
        for (reads, keeps_active, principal) in
            [(false, false, "nobody"), (true, false, "alice"), (false, true, "alice")]
        {
            let mut browser = Browser::new(&fixture.nodes[0].app);
            browser.post("/login/alice").await.ok();
            browser.at(&fixture.nodes[1].app).post("/keep").await.ok();
            let session = fixture.kept.take();
            let active = keeps_active.then(|| session.keep_active());
            for _ in 0..6 {
                fixture.advance(IDLE / 2).await;
                if reads {
                    session.get::<Note>().await.unwrap();
                }
            }
            drop(active);
            fixture.advance(IDLE / 10).await;
            assert_eq!(browser.get("/whoami").await.ok().body, principal, "reads {reads}, keeps {keeps_active}");
        }
    }
}

#[tokio::test]
async fn r27_what_needs_a_new_token_is_refused_once_the_response_has_begun() {
    for fixture in Fixture::both() {
        let assert_refused = |outcome: Result<(), cloakroom::SessionError>, verb: &str| {
            assert_eq!(outcome.unwrap_err().kind(), SessionErrorKind::ResponseBegun, "{verb}");
        };
        let mut anonymous = Browser::new(&fixture.nodes[0].app);
        anonymous.post("/keep").await.ok();
        let session = fixture.kept.take();
        assert_refused(session.set(Note("lost".into())).await, "set");
        assert_refused(session.update(|count: &mut Count| count.0 += 1).await, "update");
        assert_refused(session.login("mallory").await, "login");
        assert_eq!(fixture.deployment.session_count(&fixture.nodes[0]), 0, "a refused call changes nothing");
        assert!(!session.remove::<Note>().await.unwrap());

        let mut browser = Browser::new(&fixture.nodes[0].app);
        browser.post("/login/alice").await.ok();
        browser.post("/keep").await.ok();
        let session = fixture.kept.take();
        assert_refused(session.login("alice").await, "login");
        assert_refused(session.rotate().await, "rotate");
        assert_refused(session.renew().await, "renew");
        assert_refused(session.remember(minutes(60)).await, "remember");
        session.set(Note("kept".into())).await.unwrap();
        assert_eq!(browser.get("/note").await.ok().body, "kept");
        assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        session.destroy().await.unwrap();
        assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
    }
}

#[tokio::test]
async fn an_open_session_follows_a_renewal_and_ends_with_a_login() {
    for (replacement, reason) in [("/do/login", EndReason::Gone), ("/do/rotate", EndReason::Gone)] {
        for fixture in Fixture::both() {
            let mut browser = Browser::new(&fixture.nodes[0].app);
            browser.post("/login/alice").await.ok();
            browser.at(&fixture.nodes[1].app).post("/keep").await.ok();
            let session = fixture.kept.take();
            assert!(session.exists().await.unwrap(), "the session is open before the renewal");
            let ended = tokio::spawn(session.ended());
            // It must wait before the renewal: a copy without a waiter may be evicted meanwhile.
            tokio::task::yield_now().await;
            for round in 0..3 {
                browser.post("/do/renew").await.ok();
                fixture.advance(minutes(3)).await;
                let note = format!("round {round}");
                session.set(Note(note.clone())).await.unwrap();
                assert_eq!(browser.get("/note").await.ok().body, note);
                assert_eq!(session.get::<Note>().await.unwrap().map(|note| note.0.clone()), Some(note));
            }
            assert!(!ended.is_finished());
            browser.post(replacement).await.ok();
            fixture.advance(secs(2)).await;
            let ended_with = tokio::time::timeout(secs(10), ended).await.expect("the waiter is notified").unwrap();
            assert_eq!(ended_with, reason, "{replacement}");
            assert_eq!(session.set(Note("late".into())).await.unwrap_err().kind(), SessionErrorKind::Ended);
        }
    }
}

#[tokio::test]
async fn r12_requests_that_do_not_count_keep_nothing_alive() {
    for deployment in Deployment::both() {
        let sessions = deployment.builder().build().unwrap();
        let silent_principal = async |session: Session| {
            session.without_activity();
            session.principal().await.map(|user| user.map_or("nobody".to_owned(), |user| user.as_str().to_owned()))
        };
        let plain = async |session: Session| {
            session.principal().await.map(|user| user.map_or("nobody".to_owned(), |user| user.as_str().to_owned()))
        };
        let silent_expiry = async |session: Session| {
            session.without_activity();
            session.expires_at().await.map(|end| end.map_or(0, cloakroom::Timestamp::as_millis).to_string())
        };
        let without_activity = Router::new()
            .route("/layer", any(plain))
            .route("/layer/untouched", any(async || "untouched"))
            .layer(SessionLayer::new(sessions.clone()).without_activity());
        let app = Node::with_sessions(
            sessions.clone(),
            routes().route("/verb", any(silent_principal)).route("/left", any(silent_expiry)).merge(without_activity),
        );
        for path in ["/verb", "/layer", "/layer/untouched", "/left"] {
            let mut browser = Browser::new(&app);
            browser.post("/login/alice").await.ok();
            let end = deployment.clock.now().after(IDLE).as_millis().to_string();
            for _ in 0..3 {
                deployment.clock.advance(IDLE / 4);
                let body = browser.get(path).await.ok().body;
                assert!(["alice", "untouched"].contains(&&*body) || body == end, "{path}: {body}");
                sessions.run_pending_tasks().await;
            }
            deployment.clock.advance(IDLE / 4 + IDLE / 10);
            assert_eq!(browser.get("/whoami").await.ok().body, "nobody", "{path}");
        }
    }
}

/// A body that owns the session while it exists.
struct BodyWithSession(#[expect(dead_code, reason = "only its existence matters")] Session);

impl axum::body::HttpBody for BodyWithSession {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
        std::task::Poll::Ready(None)
    }
}

#[tokio::test]
async fn r52_a_response_whose_body_has_the_session_is_private() {
    let public = |body: Body| -> Response { ([(CACHE_CONTROL, "public, max-age=60")], body).into_response() };
    let keeps_session = async move |session: Session| public(Body::new(BodyWithSession(session)));
    let dropped = async move |_: Session| public(Body::empty());
    let spawned = async move |session: Session| {
        tokio::spawn(async move { session.ended().await });
        public(Body::empty())
    };
    for deployment in Deployment::both() {
        let routes =
            routes().route("/held", any(keeps_session)).route("/dropped", any(dropped)).route("/spawned", any(spawned));
        let node = Node::with_routes(deployment.builder(), routes);
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        browser.sync_hint().await;
        for path in ["/held", "/spawned"] {
            for mut client in [browser.clone(), Browser::new(&node.app)] {
                let reply = client.get(path).await.ok();
                assert_eq!(reply.header("cache-control"), ["private, max-age=60"], "{path}");
                assert_eq!(reply.header("vary"), ["Cookie"], "{path}");
            }
        }
        let reply = browser.get("/dropped").await.ok();
        assert_eq!(reply.header("cache-control"), ["public, max-age=60"]);
    }
}
