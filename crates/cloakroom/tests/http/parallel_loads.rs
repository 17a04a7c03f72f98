//! Parallel requests that all miss: the loader runs once, whoever asks.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use axum::routing::any;
use cloakroom::{Session, SessionError};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::{Browser, Deployment, Node, Theme, routes};

/// How many requests ask at once.
const CROWD: usize = 32;

/// A source that answers when it is told to, and counts who asks it.
#[derive(Clone, Debug)]
struct Source {
    asked: Arc<AtomicUsize>,
    gate: Arc<Semaphore>,
}

impl Source {
    fn new() -> Self {
        Self { asked: Arc::default(), gate: Arc::new(Semaphore::new(0)) }
    }

    async fn theme(self) -> Result<Theme, Infallible> {
        let times = self.asked.fetch_add(1, SeqCst) + 1;
        self.gate.acquire().await.unwrap().forget();
        Ok(Theme(format!("answer {times}")))
    }
}

fn node(deployment: &Deployment, source: &Source) -> Node {
    let source = source.clone();
    let theme = async move |session: Session| {
        let source = source.clone();
        let theme = session.get_or_load::<Theme, _, _, _>(move || source.theme()).await?;
        Ok::<_, SessionError>(theme.0.clone())
    };
    Node::with_routes(deployment.builder(), routes().route("/theme", any(theme)))
}

/// Waits until so many requests have either started the loader or joined it.
async fn all_have_asked(node: &Node, requests: usize) {
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
        let mut crowd = JoinSet::new();
        for _ in 0..CROWD {
            let mut tab = browser.clone();
            crowd.spawn(async move { tab.get("/theme").await.ok().body });
        }
        all_have_asked(&node, CROWD).await;
        // Enough for every one of them, should each have a loader of its own.
        source.gate.add_permits(CROWD);
        assert!(crowd.join_all().await.iter().all(|body| body == "answer 1"));
        assert_eq!(source.asked.load(SeqCst), 1, "one loader for {CROWD} requests");
        let stats = node.sessions.stats();
        assert_eq!((stats.loads, stats.loads_joined), (1, CROWD as u64 - 1));
        assert_eq!(browser.get("/theme").await.ok().body, "answer 1", "and it was kept");
        assert_eq!(source.asked.load(SeqCst), 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crowd_of_which_all_but_one_leave_still_loads_once() {
    for deployment in Deployment::both() {
        let source = Source::new();
        let node = node(&deployment, &source);
        let mut browser = Browser::new(&node.app);
        browser.post("/note/mine").await.ok();
        let mut crowd = JoinSet::new();
        for _ in 0..CROWD {
            let mut tab = browser.clone();
            crowd.spawn(async move { tab.get("/theme").await });
        }
        all_have_asked(&node, CROWD).await;
        crowd.shutdown().await;
        let mut last = browser.clone();
        let waiting = tokio::spawn(async move { last.get("/theme").await.ok().body });
        all_have_asked(&node, CROWD + 1).await;
        source.gate.add_permits(CROWD);
        assert_eq!(waiting.await.unwrap(), "answer 1", "the load outlives the request that began it");
        assert_eq!(source.asked.load(SeqCst), 1);
    }
}
