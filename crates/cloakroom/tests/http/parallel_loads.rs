//! Concurrent requests that all miss the cache: the loader runs once.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use axum::routing::any;
use cloakroom::{Session, SessionError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{Browser, Deployment, Node, Theme, routes};

/// The number of concurrent requests.
const REQUESTS: usize = 32;

/// A data source that returns when the test allows it, and counts its calls.
#[derive(Clone, Debug)]
struct Source {
    calls: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Source {
    fn new() -> Self {
        Self { calls: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    async fn theme(self) -> Result<Theme, Infallible> {
        let times = self.calls.fetch_add(1, SeqCst) + 1;
        self.gate.acquire().await.unwrap().forget();
        Ok(Theme(format!("answer {times}")))
    }
}

fn node(deployment: &Deployment, source: &Source) -> Node {
    let source = source.clone();
    let theme = async move |session: Session| {
        let source = source.clone();
        let theme = session.get_or_load::<Theme, _, _>(move || source.theme()).await?;
        Ok::<_, SessionError>(theme.0.clone())
    };
    Node::with_routes(deployment.builder(), routes().route("/theme", any(theme)))
}

/// Waits until this many requests have either started the loader or joined it.
async fn wait_for_requests(node: &Node, requests: usize) {
    while ((node.sessions.stats().loads + node.sessions.stats().loads_joined) as usize) < requests {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_requests_that_miss_run_one_loader() {
    for deployment in Deployment::both() {
        let source = Source::new();
        let node = node(&deployment, &source);
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let mut requests = JoinSet::new();
        for _ in 0..REQUESTS {
            let mut tab = browser.clone();
            requests.spawn(async move { tab.get("/theme").await.ok().body });
        }
        wait_for_requests(&node, REQUESTS).await;
        // Enough permits for every request, in case each runs a loader of its own.
        source.gate.add_permits(REQUESTS);
        assert!(requests.join_all().await.iter().all(|body| body == "answer 1"));
        assert_eq!(source.calls.load(SeqCst), 1, "one loader for {REQUESTS} requests");
        let stats = node.sessions.stats();
        assert_eq!((stats.loads, stats.loads_joined), (1, REQUESTS as u64 - 1));
        assert_eq!(browser.get("/theme").await.ok().body, "answer 1", "the value is cached");
        assert_eq!(source.calls.load(SeqCst), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_of_which_all_but_one_are_dropped_still_load_once() {
    for deployment in Deployment::both() {
        let source = Source::new();
        let node = node(&deployment, &source);
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let mut requests = JoinSet::new();
        for _ in 0..REQUESTS {
            let mut tab = browser.clone();
            requests.spawn(async move { tab.get("/theme").await });
        }
        wait_for_requests(&node, REQUESTS).await;
        requests.shutdown().await;
        let mut last = browser.clone();
        let last_request = tokio::spawn(async move { last.get("/theme").await.ok().body });
        wait_for_requests(&node, REQUESTS + 1).await;
        source.gate.add_permits(REQUESTS);
        assert_eq!(last_request.await.unwrap(), "answer 1", "the load outlives the request that started it");
        assert_eq!(source.calls.load(SeqCst), 1);
    }
}
