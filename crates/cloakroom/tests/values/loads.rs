//! Loads that cannot be kept, that wait for themselves, or that are too many.

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

/// What JSON cannot hold, as its keys are no texts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Board(BTreeMap<(u8, u8), bool>);

impl SessionValue for Board {
    const KEY: &'static str = "board";
    const CACHE: CachePolicy = MINUTE;
}

/// Counts the loaders at work, by what they hold.
#[derive(Clone, Debug, Default)]
struct AtWork(Arc<()>);

impl AtWork {
    fn now(&self) -> usize {
        Arc::strong_count(&self.0) - 1
    }

    /// A loader that never ends.
    async fn forever<T>(self) -> Result<T, Infallible> {
        let _at_work = self.0;
        pending().await
    }
}

/// Lets everything run that can.
async fn settle() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// Starts a request for what follows from `input`, and hangs up.
async fn ask_and_leave(session: &Session, input: u64, work: &AtWork) {
    let (session, work) = (session.clone(), work.clone());
    let request = tokio::spawn(async move {
        let load = session.get_or_derive::<Text, _, _, _>(input.to_be_bytes(), || work.forever()).await;
        drop(load);
    });
    settle().await;
    request.abort();
    settle().await;
}

#[tokio::test]
async fn a_load_that_cannot_be_kept_is_served_counted_and_said_once_with_the_remedy() {
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
        let told: Vec<_> = text.lines().filter(|line| line.contains("cannot be stored")).collect();
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].contains("text") && told[0].contains("raise `max_value_bytes`"), "{told:?}");
        assert!(told[1].contains("board") && told[1].contains("change the type"), "{told:?}");
    }
}

#[tokio::test]
async fn a_loader_that_asks_for_its_own_value_is_told_at_once() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let session = visitor(&node).await.enter(&node);
        let again = session.clone();
        let load = || async move { again.get_or_load(|| async { Ok::<_, Infallible>(Text("inner".into())) }).await };
        let outcome = session.get_or_load(|| async { load().await.map(|text| Text::clone(&text)) }).await;
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::LoadFailed, "what its own code made of the error");
        let mut causes = std::iter::successors(std::error::Error::source(&error), |cause| cause.source());
        assert!(causes.any(|cause| cause.to_string().contains("the loader of `text` asks for the very value")));
        assert_eq!(node.stats().loads, 1);
    }
}

#[tokio::test]
async fn a_loader_that_asks_for_its_own_value_by_way_of_another_one_is_told_at_once() {
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
async fn loaders_of_other_sessions_and_other_inputs_are_nobodys_own() {
    let node = Deployment::local().node();
    let [session, other] = [visitor(&node).await.enter(&node), visitor(&node).await.enter(&node)];
    let theirs = other.clone();
    let load = || async move {
        theirs.get_or_load(|| async { Ok::<_, Infallible>(Text("theirs".into())) }).await.map(|text| Text::clone(&text))
    };
    assert_eq!(session.get_or_load(load).await.unwrap().0, "theirs");
}

#[tokio::test]
async fn clients_that_hang_up_leave_no_more_loaders_than_one_that_may_be_kept() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let session = visitor(&node).await.enter(&node);
        let work = AtWork::default();
        for input in 0..200 {
            ask_and_leave(&session, input, &work).await;
        }
        assert_eq!(work.now(), 1, "the last one, whose outcome the next request may want");
        assert_eq!(node.stats().loads_cancelled, 199);
        session.destroy().await.unwrap();
        settle().await;
        assert_eq!(work.now(), 0, "the end of the session cancels it as well");
    }
}

#[tokio::test]
async fn a_load_that_was_overtaken_runs_on_for_those_who_wait_and_for_nobody_else() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let session = visitor(&node).await.enter(&node);
        let work = AtWork::default();
        let (waiting, busy) = (session.clone(), work.clone());
        let request = tokio::spawn(async move { drop(waiting.get_or_load::<Text, _, _, _>(|| busy.forever()).await) });
        settle().await;
        session.invalidate::<Text>().await.unwrap();
        settle().await;
        assert_eq!(work.now(), 1, "somebody waits");
        request.abort();
        settle().await;
        assert_eq!(work.now(), 0);
        // The other way round: first nobody waits, then it is overtaken.
        ask_and_leave(&session, 1, &work).await;
        assert_eq!(work.now(), 1, "it can be kept");
        session.set(Text("set".into())).await.unwrap();
        settle().await;
        assert_eq!(work.now(), 0);
    }
}

#[tokio::test]
async fn more_loads_than_a_session_may_have_are_refused_and_other_sessions_are_not() {
    for deployment in Deployment::both() {
        let node = deployment.builder(0).max_loads_per_session(3).build().unwrap();
        let session = visitor(&node).await.enter(&node);
        let work = AtWork::default();
        let mut requests = Vec::new();
        for input in 0..3_u64 {
            let (session, work) = (session.clone(), work.clone());
            requests.push(tokio::spawn(async move {
                drop(session.get_or_derive::<Text, _, _, _>(input.to_be_bytes(), || work.forever()).await);
            }));
            settle().await;
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
        settle().await;
        assert_eq!(derive(session.clone()).await.unwrap().0, "loaded", "there is room again");
    }
}

#[tokio::test]
async fn more_loads_than_there_may_be_in_all_are_refused() {
    let node = Deployment::local().builder(0).max_loads(2).build().unwrap();
    let work = AtWork::default();
    for _ in 0..2 {
        ask_and_leave(&visitor(&node).await.enter(&node), 1, &work).await;
    }
    let session = visitor(&node).await.enter(&node);
    let error = session.get_or_load(|| async { Ok::<_, Infallible>(Text(String::new())) }).await.unwrap_err();
    assert_eq!(error.kind(), SessionErrorKind::TooManyLoads);
}

/// A value for emergencies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Spare(u8);

impl SessionValue for Spare {
    const KEY: &'static str = "spare";
    const CACHE: CachePolicy = MINUTE.stale_if_error(secs(60));
}

#[tokio::test]
async fn an_old_value_is_served_where_no_load_may_be_started() {
    let deployment = Deployment::local();
    let node = deployment.builder(0).max_loads(1).build().unwrap();
    let session = visitor(&node).await.enter(&node);
    let load = |number| move || async move { Ok::<_, Infallible>(Spare(number)) };
    session.get_or_load(load(1)).await.unwrap();
    deployment.advance(secs(90));
    let work = AtWork::default();
    ask_and_leave(&visitor(&node).await.enter(&node), 1, &work).await;
    assert_eq!(*session.get_or_load(load(2)).await.unwrap(), Spare(1));
}

mod spans {
    use std::sync::Mutex;

    use tracing::span::{Attributes, Id, Record};
    use tracing::{Event, Metadata, Subscriber};
    use tracing_core::span::Current;

    /// Knows which span is the current one.
    #[derive(Debug, Default)]
    pub(super) struct Spans {
        known: Mutex<Vec<&'static Metadata<'static>>>,
        entered: Mutex<Vec<Id>>,
    }

    impl Subscriber for Spans {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
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
