//! A request is a span and not a point: what is in progress keeps its session, and what outlives its response may not do
//! what no longer reaches the client.

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

/// Sessions that outlive the requests that they came with.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<Session>>>);

impl Kept {
    fn take(&self) -> Session {
        self.0.lock().unwrap().pop().unwrap()
    }
}

/// The usual routes, those that pause, one that pauses before it looks at its session, and one that keeps it.
fn all_routes(gate: &HandlerGate, kept: &Kept) -> Router {
    let (stage_first, kept) = (gate.clone(), kept.clone());
    let paused_first = async move |session: Session, Path(verb): Path<String>| {
        stage_first.pause().await;
        perform(&session, &verb).await
    };
    let keep = async move |session: Session| {
        kept.0.lock().unwrap().push(session);
    };
    gate.routes().route("/paused-first/{verb}", any(paused_first)).route("/keep", any(keep))
}

struct Scene {
    deployment: Deployment,
    gate: HandlerGate,
    kept: Kept,
    nodes: [Node; 2],
}

impl Scene {
    fn new(deployment: Deployment) -> Self {
        let (gate, kept) = (HandlerGate::new(), Kept::default());
        let here = Node::with_routes(deployment.builder(), all_routes(&gate, &kept));
        let there = match deployment.store {
            Some(_) => Node::with_routes(deployment.builder(), all_routes(&gate, &kept)),
            None => here.clone(),
        };
        Self { deployment, gate, kept, nodes: [here, there] }
    }

    fn both() -> [Self; 2] {
        Deployment::both().map(Self::new)
    }

    /// Lets time pass as the background task sees it.
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
        self.gate.arrival().await;
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
        for scene in Scene::both() {
            for node in &scene.nodes {
                let mut browser = Browser::new(&scene.nodes[0].app);
                browser.post("/login/alice").await.ok();
                let request = scene.begin(&browser, node, path).await;
                scene.advance(4 * IDLE).await;
                scene.finish(request).await.ok();
                scene.advance(IDLE - minutes(3)).await;
                assert_eq!(browser.get("/whoami").await.ok().body, "alice", "{path}");
                scene.advance(IDLE + IDLE / 5).await;
                assert_eq!(browser.get("/whoami").await.ok().body, "nobody", "{path}: nothing keeps it any more");
            }
        }
    }
}

#[tokio::test]
async fn r13_a_request_in_progress_keeps_no_session_beyond_its_absolute_end() {
    for scene in Scene::both() {
        let mut browser = Browser::new(&scene.nodes[0].app);
        browser.post("/login/alice").await.ok();
        let request = scene.begin(&browser, &scene.nodes[1], "/paused/update").await;
        scene.advance(minutes(24 * 60)).await;
        assert_eq!(scene.finish(request).await.status, StatusCode::UNAUTHORIZED);
        assert_eq!(scene.deployment.population(&scene.nodes[0]), 0);
    }
}

#[tokio::test]
async fn a_request_goes_on_when_its_token_is_renewed_and_ends_when_a_login_replaces_it() {
    for (meanwhile, status) in [
        ("/do/renew", StatusCode::OK),
        ("/do/login", StatusCode::UNAUTHORIZED),
        ("/do/rotate", StatusCode::UNAUTHORIZED),
        ("/do/destroy", StatusCode::UNAUTHORIZED),
    ] {
        for scene in Scene::both() {
            let mut browser = Browser::new(&scene.nodes[0].app);
            browser.post("/login/alice").await.ok();
            let request = scene.begin(&browser, &scene.nodes[1], "/paused/update").await;
            browser.post(meanwhile).await.ok();
            // Longer than any grace.
            scene.advance(minutes(3)).await;
            if meanwhile == "/do/renew" {
                browser.post(meanwhile).await.ok();
                scene.advance(minutes(3)).await;
            }
            let reply = scene.finish(request).await;
            assert_eq!((reply.status, reply.set_cookie()), (status, None), "{meanwhile}");
        }
    }
}

#[tokio::test]
async fn a_request_under_a_token_that_a_login_replaced_keeps_nothing_alive() {
    for scene in Scene::both() {
        let mut browser = Browser::new(&scene.nodes[0].app);
        browser.post("/login/alice").await.ok();
        let request = scene.begin(&browser, &scene.nodes[1], "/paused/update").await;
        browser.post("/login/alice").await.ok();
        scene.advance(2 * IDLE).await;
        assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
        scene.finish(request).await;
    }
}

#[tokio::test]
async fn what_outlives_its_response_keeps_the_session_alive_by_reading_or_by_saying_so() {
    for scene in Scene::both() {
        for (reads, keeps, alive) in [(false, false, "nobody"), (true, false, "alice"), (false, true, "alice")] {
            let mut browser = Browser::new(&scene.nodes[0].app);
            browser.post("/login/alice").await.ok();
            browser.at(&scene.nodes[1].app).post("/keep").await.ok();
            let session = scene.kept.take();
            let active = keeps.then(|| session.keep_active());
            for _ in 0..6 {
                scene.advance(IDLE / 2).await;
                if reads {
                    session.get::<Note>().await.unwrap();
                }
            }
            drop(active);
            scene.advance(IDLE / 10).await;
            assert_eq!(browser.get("/whoami").await.ok().body, alive, "reads {reads}, keeps {keeps}");
        }
    }
}

#[tokio::test]
async fn r27_what_needs_a_new_token_is_refused_once_the_response_has_begun() {
    for scene in Scene::both() {
        let refused = |outcome: Result<(), cloakroom::SessionError>, verb: &str| {
            assert_eq!(outcome.unwrap_err().kind(), SessionErrorKind::ResponseBegun, "{verb}");
        };
        let mut stranger = Browser::new(&scene.nodes[0].app);
        stranger.post("/keep").await.ok();
        let session = scene.kept.take();
        refused(session.set(Note("lost".into())).await, "set");
        refused(session.update(|count: &mut Count| count.0 += 1).await, "update");
        refused(session.login("mallory").await, "login");
        assert_eq!(scene.deployment.population(&scene.nodes[0]), 0, "nothing was changed");
        assert!(!session.remove::<Note>().await.unwrap());

        let mut browser = Browser::new(&scene.nodes[0].app);
        browser.post("/login/alice").await.ok();
        browser.post("/keep").await.ok();
        let session = scene.kept.take();
        refused(session.login("alice").await, "login");
        refused(session.rotate().await, "rotate");
        refused(session.renew().await, "renew");
        refused(session.remember(minutes(60)).await, "remember");
        session.set(Note("kept".into())).await.unwrap();
        assert_eq!(browser.get("/note").await.ok().body, "kept");
        assert_eq!(browser.get("/whoami").await.ok().body, "alice");
        session.destroy().await.unwrap();
        assert_eq!(browser.get("/whoami").await.ok().body, "nobody");
    }
}

#[tokio::test]
async fn what_was_opened_before_a_renewal_follows_it_and_is_told_of_a_login() {
    for (replaced, reason) in [("/do/login", EndReason::Gone), ("/do/rotate", EndReason::Gone)] {
        for scene in Scene::both() {
            let mut browser = Browser::new(&scene.nodes[0].app);
            browser.post("/login/alice").await.ok();
            browser.at(&scene.nodes[1].app).post("/keep").await.ok();
            let session = scene.kept.take();
            assert!(session.exists().await.unwrap(), "it is opened before the renewal");
            let ended = tokio::spawn(session.ended());
            // So that it waits before the renewal: a copy that nobody waits through may be forgotten meanwhile.
            tokio::task::yield_now().await;
            for round in 0..3 {
                browser.post("/do/renew").await.ok();
                scene.advance(minutes(3)).await;
                let note = format!("round {round}");
                session.set(Note(note.clone())).await.unwrap();
                assert_eq!(browser.get("/note").await.ok().body, note);
                assert_eq!(session.get::<Note>().await.unwrap().map(|note| note.0.clone()), Some(note));
            }
            assert!(!ended.is_finished());
            browser.post(replaced).await.ok();
            scene.advance(secs(2)).await;
            let told = tokio::time::timeout(secs(10), ended).await.expect("it is told").unwrap();
            assert_eq!(told, reason, "{replaced}");
            assert_eq!(session.set(Note("late".into())).await.unwrap_err().kind(), SessionErrorKind::Ended);
        }
    }
}

#[tokio::test]
async fn r12_requests_that_do_not_count_keep_nothing_alive() {
    for deployment in Deployment::both() {
        let sessions = deployment.builder().build().unwrap();
        let silent = async |session: Session| {
            session.without_activity();
            session.principal().await.map(|user| user.map_or("nobody".to_owned(), |user| user.as_str().to_owned()))
        };
        let plain = async |session: Session| {
            session.principal().await.map(|user| user.map_or("nobody".to_owned(), |user| user.as_str().to_owned()))
        };
        let left = async |session: Session| {
            session.without_activity();
            session.expires_at().await.map(|end| end.map_or(0, cloakroom::Timestamp::as_millis).to_string())
        };
        let quiet = Router::new()
            .route("/layer", any(plain))
            .route("/layer/untouched", any(async || "untouched"))
            .layer(SessionLayer::new(sessions.clone()).without_activity());
        let app = Node::with_sessions(
            sessions.clone(),
            routes().route("/verb", any(silent)).route("/left", any(left)).merge(quiet),
        );
        for path in ["/verb", "/layer", "/layer/untouched", "/left"] {
            let mut browser = Browser::new(&app);
            browser.post("/login/alice").await.ok();
            let end = deployment.clock.now().after(IDLE).as_millis().to_string();
            for _ in 0..3 {
                deployment.clock.advance(IDLE / 4);
                let answer = browser.get(path).await.ok().body;
                assert!(["alice", "untouched"].contains(&&*answer) || answer == end, "{path}: {answer}");
                sessions.run_pending_tasks().await;
            }
            deployment.clock.advance(IDLE / 4 + IDLE / 10);
            assert_eq!(browser.get("/whoami").await.ok().body, "nobody", "{path}");
        }
    }
}

/// A body that has the session for as long as it lasts.
struct Holding(#[expect(dead_code, reason = "it is enough that it is there")] Session);

impl axum::body::HttpBody for Holding {
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
    let held = async move |session: Session| public(Body::new(Holding(session)));
    let dropped = async move |_: Session| public(Body::empty());
    let spawned = async move |session: Session| {
        tokio::spawn(async move { session.ended().await });
        public(Body::empty())
    };
    for deployment in Deployment::both() {
        let routes = routes().route("/held", any(held)).route("/dropped", any(dropped)).route("/spawned", any(spawned));
        let node = Node::with_routes(deployment.builder(), routes);
        let mut browser = Browser::new(&node.app);
        browser.post("/login/alice").await.ok();
        browser.settle().await;
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
