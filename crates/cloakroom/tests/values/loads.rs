//! Loads whose value cannot be stored, that wait for themselves, or that exceed a limit.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cloakroom::{CachePolicy, Session, SessionErrorKind, SessionValue};
use serde::{Deserialize, Serialize};
use tokio::task::yield_now;

use crate::log::capture;
use crate::support::{Deployment, secs, visitor};

const MINUTE: CachePolicy = CachePolicy::ttl(secs(60));

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Text(String);

impl SessionValue for Text {
    const KEY: &'static str = "text";
    const CACHE: CachePolicy = MINUTE;
}

/// A value that JSON cannot represent, because its keys are not strings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Board(BTreeMap<(u8, u8), bool>);

impl SessionValue for Board {
    const KEY: &'static str = "board";
    const CACHE: CachePolicy = MINUTE;
}

/// Counts running loaders, each of which holds a reference.
#[derive(Clone, Debug, Default)]
struct RunningLoads(Arc<()>);

impl RunningLoads {
    fn count(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// A loader that never returns.
    async fn forever<T>(self) -> Result<T, Infallible> {
        let _running = self.0;
        pending().await
    }
}

/// Runs every other task until it waits.
async fn run_other_tasks() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// Starts a request for the value that is derived from `input`, and cancels it.
async fn start_and_cancel(session: &Session, input: u64, running: &RunningLoads) {
    let (session, running) = (session.clone(), running.clone());
    let request = tokio::spawn(async move {
        let load = session.get_or_derive::<Text, _, _>(input.to_be_bytes(), || running.forever()).await;
        drop(load);
    });
    run_other_tasks().await;
    request.abort();
    run_other_tasks().await;
}

#[tokio::test]
async fn a_load_that_cannot_be_stored_is_served_counted_and_logged_once() {
    for deployment in Deployment::both() {
        let (log, _guard) = capture();
        let node = deployment.node();
        for _ in 0..2 {
            let session = visitor(&node).await.enter(&node);
            for _ in 0..3 {
                let large = session.get_or_load(|| async { Ok::<_, Infallible>(Text("x".repeat(70_000))) });
                assert_eq!(large.await.unwrap().0.len(), 70_000);
                let board = Board(BTreeMap::from([((1, 2), true)]));
                let loaded = session.get_or_load(|| async { Ok::<_, Infallible>(board) }).await.unwrap();
                assert!(loaded.0[&(1, 2)]);
            }
        }
        let stats = node.stats();
        assert_eq!((stats.loads, stats.loads_not_kept, stats.loads_failed), (12, 12, 0));
        let text = log.text();
        let warnings: Vec<_> = text.lines().filter(|line| line.contains("cannot be stored")).collect();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].contains("text") && warnings[0].contains("raise `session_limits`"), "{warnings:?}");
        assert!(warnings[1].contains("board") && warnings[1].contains("change the type"), "{warnings:?}");
    }
}

#[tokio::test]
async fn a_loader_that_loads_its_own_value_fails_at_once() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let session = visitor(&node).await.enter(&node);
        let again = session.clone();
        let load = || async move { again.get_or_load(|| async { Ok::<_, Infallible>(Text("inner".into())) }).await };
        let outcome = session.get_or_load(|| async { load().await.map(|text| Text::clone(&text)) }).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::LoadFailed, "the loader returned the error of the inner load");
        let mut causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
        assert!(causes.any(|cause| cause.to_string().contains("the loader of `text` asks for the very value")));
        assert_eq!(node.stats().loads, 1);
    }
}

#[tokio::test]
async fn a_loader_that_loads_its_own_value_through_another_fails_at_once() {
    let node = Deployment::local().node();
    let session = visitor(&node).await.enter(&node);
    let (outer, inner) = (session.clone(), session.clone());
    let kind = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&kind);
    let board = || async move {
        let text = inner.get_or_load(|| async { Ok::<_, Infallible>(Text("never".into())) }).await;
        seen.store(usize::from(text.unwrap_err().kind() == SessionErrorKind::LoadCycle), SeqCst);
        Ok::<_, Infallible>(Board(BTreeMap::new()))
    };
    let text = || async move {
        outer.get_or_load(board).await.unwrap();
        Ok::<_, Infallible>(Text("loaded".into()))
    };
    assert_eq!(session.get_or_load(text).await.unwrap().0, "loaded");
    assert_eq!(kind.load(SeqCst), 1);
}

#[tokio::test]
async fn a_loader_may_load_its_value_in_another_session() {
    let node = Deployment::local().node();
    let [session, other] = [visitor(&node).await.enter(&node), visitor(&node).await.enter(&node)];
    let theirs = other.clone();
    let load = || async move {
        theirs.get_or_load(|| async { Ok::<_, Infallible>(Text("theirs".into())) }).await.map(|text| Text::clone(&text))
    };
    assert_eq!(session.get_or_load(load).await.unwrap().0, "theirs");
}

#[tokio::test]
async fn clients_that_disconnect_leave_at_most_one_running_loader() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let session = visitor(&node).await.enter(&node);
        let running = RunningLoads::default();
        for input in 0..200 {
            start_and_cancel(&session, input, &running).await;
        }
        assert_eq!(running.count(), 1, "only the last one, whose value the next request may need");
        assert_eq!(node.stats().loads_cancelled, 199);
        session.destroy().await.unwrap();
        run_other_tasks().await;
        assert_eq!(running.count(), 0, "the end of the session cancels it");
    }
}

#[tokio::test]
async fn a_superseded_load_runs_only_while_a_request_waits_for_it() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let session = visitor(&node).await.enter(&node);
        let running = RunningLoads::default();
        let (waiting, load) = (session.clone(), running.clone());
        let request = tokio::spawn(async move { drop(waiting.get_or_load::<Text, _, _>(|| load.forever()).await) });
        run_other_tasks().await;
        session.invalidate::<Text>().await.unwrap();
        run_other_tasks().await;
        assert_eq!(running.count(), 1, "a request waits for it");
        request.abort();
        run_other_tasks().await;
        assert_eq!(running.count(), 0);
        // In the other order: the last waiter leaves, and then a write supersedes the load.
        start_and_cancel(&session, 1, &running).await;
        assert_eq!(running.count(), 1, "its value can still be stored");
        session.set(Text("set".into())).await.unwrap();
        run_other_tasks().await;
        assert_eq!(running.count(), 0);
    }
}

#[tokio::test]
async fn the_limit_of_loads_per_session_leaves_other_sessions_alone() {
    for deployment in Deployment::both() {
        let node = deployment.builder(0).max_loads_per_session(3).build().unwrap();
        let session = visitor(&node).await.enter(&node);
        let running = RunningLoads::default();
        let mut requests = Vec::new();
        for input in 0..3_u64 {
            let (session, running) = (session.clone(), running.clone());
            requests.push(tokio::spawn(async move {
                drop(session.get_or_derive::<Text, _, _>(input.to_be_bytes(), || running.forever()).await);
            }));
            run_other_tasks().await;
        }
        let derive = |session: Session| async move {
            session.get_or_derive("one more", || async { Ok::<_, Infallible>(Text("loaded".into())) }).await
        };
        let error = derive(session.clone()).await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::TooManyLoads);
        assert_eq!(node.stats().loads_refused, 1);
        let other = visitor(&node).await.enter(&node);
        assert_eq!(derive(other.clone()).await.unwrap().0, "loaded");
        requests.iter().for_each(tokio::task::JoinHandle::abort);
        run_other_tasks().await;
        assert_eq!(derive(session.clone()).await.unwrap().0, "loaded", "other loads have ended");
    }
}

#[tokio::test]
async fn loads_beyond_the_total_limit_are_refused() {
    let node = Deployment::local().builder(0).max_loads(2).build().unwrap();
    let running = RunningLoads::default();
    for _ in 0..2 {
        start_and_cancel(&visitor(&node).await.enter(&node), 1, &running).await;
    }
    let session = visitor(&node).await.enter(&node);
    let error = session.get_or_load(|| async { Ok::<_, Infallible>(Text(String::new())) }).await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::TooManyLoads);
}

/// A value that is served stale if its load fails.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Fallback(u8);

impl SessionValue for Fallback {
    const KEY: &'static str = "spare";
    const CACHE: CachePolicy = MINUTE.stale_if_error(secs(60));
}

#[tokio::test]
async fn a_stale_value_is_served_if_no_load_may_be_started() {
    let deployment = Deployment::local();
    let node = deployment.builder(0).max_loads(1).build().unwrap();
    let session = visitor(&node).await.enter(&node);
    let load = |number| move || async move { Ok::<_, Infallible>(Fallback(number)) };
    session.get_or_load(load(1)).await.unwrap();
    deployment.advance(secs(90));
    let running = RunningLoads::default();
    start_and_cancel(&visitor(&node).await.enter(&node), 1, &running).await;
    assert_eq!(*session.get_or_load(load(2)).await.unwrap(), Fallback(1));
}

mod spans {
    use std::sync::Mutex;

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Level, Metadata, Subscriber};
    use tracing_core::span::Current;

    /// A subscriber that tracks the current span.
    #[derive(Debug, Default)]
    pub(super) struct Spans {
        known: Mutex<Vec<&'static Metadata<'static>>>,
        entered: Mutex<Vec<Id>>,
    }

    impl Subscriber for Spans {
        /// Without the library's own spans, which are inside of the request's.
        fn enabled(&self, metadata: &Metadata<'_>) -> bool {
            *metadata.level() <= Level::INFO
        }

        fn new_span(&self, span: &Attributes<'_>) -> Id {
            let mut known = self.known.lock().unwrap();
            known.push(span.metadata());
            Id::from_u64(known.len() as u64)
        }

        fn record(&self, _: &Id, _: &Record<'_>) {}

        fn record_follows_from(&self, _: &Id, _: &Id) {}

        fn event(&self, _: &Event<'_>) {}

        fn enter(&self, id: &Id) {
            self.entered.lock().unwrap().push(id.clone());
        }

        fn exit(&self, _: &Id) {
            self.entered.lock().unwrap().pop();
        }

        fn current_span(&self) -> Current {
            let entered = self.entered.lock().unwrap();
            let Some(id) = entered.last() else { return Current::none() };
            let metadata = self.known.lock().unwrap()[id.into_u64() as usize - 1];
            Current::new(id.clone(), metadata)
        }
    }
}

#[tokio::test]
async fn a_loader_runs_in_the_span_of_the_request_that_started_it() {
    use tracing::{Instrument, Span, info_span};

    let _listening = Deployment::local();
    let _guard = tracing::subscriber::set_default(spans::Spans::default());
    let node = Deployment::local().node();
    let session = visitor(&node).await.enter(&node);
    let name = || async { Ok::<_, Infallible>(Text(Span::current().metadata().map_or("", |span| span.name()).into())) };
    let loaded = session.get_or_load(name).instrument(info_span!("request")).await.unwrap();
    assert_eq!(loaded.0, "request");
}
