//! An unusable cached value is a miss, not an error: it is loaded again, and no value is invented.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cloakroom::{CachePolicy, Session, SessionErrorKind, SessionValue};
use serde::{Deserialize, Serialize};

use crate::log::capture;
use crate::support::{Deployment, Note, secs, visitor, visitor_with};
use crate::visitor::Visitor;

const KEY: &str = "preferences";
const DAY: CachePolicy = CachePolicy::ttl(secs(24 * 60 * 60)).negative_ttl(secs(24 * 60 * 60));
const MINUTE: CachePolicy = CachePolicy::ttl(secs(60)).negative_ttl(secs(60));

/// The preferences of the old release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Old {
    theme: String,
}

impl SessionValue for Old {
    const KEY: &'static str = KEY;
    const CACHE: CachePolicy = DAY;
}

/// The preferences of the next release.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Preferences {
    theme: String,
    size: u32,
}

impl SessionValue for Preferences {
    const KEY: &'static str = KEY;
    const CACHE: CachePolicy = MINUTE;
}

/// The preferences of the old release, under the policy of the next one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct ShorterTtl {
    theme: String,
}

impl SessionValue for ShorterTtl {
    const KEY: &'static str = KEY;
    const CACHE: CachePolicy = MINUTE.stale_while_revalidate(secs(30)).stale_if_error(secs(60));
}

/// The preferences as state, and not as a cached value.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    theme: String,
}

impl SessionValue for State {
    const KEY: &'static str = KEY;
}

/// A source that counts its loads.
#[derive(Clone, Debug, Default)]
struct Source(Arc<AtomicUsize>);

impl Source {
    fn loads(&self) -> usize {
        self.0.load(SeqCst)
    }

    async fn get<T: SessionValue>(&self, session: &Session, value: T) -> Arc<T> {
        let loads = Arc::clone(&self.0);
        let load = move || async move {
            loads.fetch_add(1, SeqCst);
            Ok::<_, Infallible>(value)
        };
        session.get_or_load(load).await.unwrap()
    }
}

fn loaded() -> Preferences {
    Preferences { theme: "loaded".into(), size: 20 }
}

fn old() -> Old {
    Old { theme: "dark".into() }
}

#[tokio::test]
async fn a_cached_value_of_another_release_is_loaded_again_and_logged_once() {
    for deployment in Deployment::both() {
        let (log, _guard) = capture();
        let [first, second] = deployment.nodes();
        let session = visitor_with(&first, old()).await.enter(&second);
        let source = Source::default();
        assert_eq!(session.get::<Preferences>().await.unwrap(), None, "a plain read is a miss");
        for _ in 0..3 {
            assert_eq!(*source.get(&session, loaded()).await, loaded());
        }
        assert_eq!(source.loads(), 1, "the loaded value has replaced the other");
        assert_eq!(second.stats().values_unreadable, 2);
        let lines = log.text();
        let warnings = lines.lines().filter(|line| line.contains("a cached value cannot be read"));
        assert_eq!(warnings.count(), 1, "{lines}");
        // Without a store, one process uses both types, which a debug build reports instead.
        assert!(lines.contains(KEY), "{lines}");
        assert!(lines.contains("`size` is missing") || lines.contains("is used by two types"), "{lines}");
        assert!(!lines.contains("dark"), "the log contains session data: {lines}");
    }
}

#[tokio::test]
async fn a_cached_value_that_does_not_decode_breaks_no_method() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        for verb in ["remove", "set", "invalidate", "take", "update", "derive", "clear"] {
            let session = visitor_with(&first, old()).await.enter(&second);
            match verb {
                "remove" => assert!(session.remove::<Preferences>().await.unwrap()),
                "set" => session.set(loaded()).await.unwrap(),
                "invalidate" => session.invalidate::<Preferences>().await.unwrap(),
                "take" => assert_eq!(session.take::<Preferences>().await.unwrap(), None),
                "update" => assert_eq!(session.update_cached(|_: &mut Preferences| ()).await.unwrap(), None),
                "derive" => {
                    let derived = session.get_or_derive("input", || async { Ok::<_, Infallible>(loaded()) });
                    assert_eq!(**derived.await.unwrap(), loaded());
                }
                _ => assert!(session.clear().await.unwrap()),
            }
            assert_eq!(*Source::default().get(&session, loaded()).await, loaded(), "after {verb}");
        }
    }
}

#[tokio::test]
async fn a_derived_value_that_does_not_decode_is_derived_again() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let session = visitor(&first).await.enter(&second);
        let derive = || async { Ok::<_, Infallible>(old()) };
        session.get_or_derive("input", derive).await.unwrap();
        let again = session.get_or_derive("input", || async { Ok::<_, Infallible>(loaded()) });
        assert_eq!(**again.await.unwrap(), loaded());
        assert_eq!(
            *Source::default().get(&session, old()).await,
            old(),
            "a derived value is not used in place of a loaded one"
        );
    }
}

#[tokio::test]
async fn the_error_of_undecodable_state_names_its_key_and_quotes_nothing() {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Number(u8);
    impl SessionValue for Number {
        const KEY: &'static str = Note::KEY;
    }
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let session = visitor_with(&first, Note("secret words".into())).await.enter(&second);
        let error = session.get::<Number>().await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Decode);
        let message = error.source().unwrap().to_string();
        assert!(
            message.contains("`note`") && (message.contains("another type") || message.contains("two types")),
            "{message}"
        );
        assert!(!format!("{error:?} {message}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn an_update_of_a_cached_value_neither_creates_nor_refreshes_it() {
    for deployment in Deployment::both() {
        let node = deployment.node();
        let resize = |preferences: &mut Preferences| preferences.size = 50;
        let session = visitor(&node).await.enter(&node);
        assert_eq!(session.update_cached(resize).await.unwrap(), None, "it was never loaded");
        assert_eq!(session.get::<Preferences>().await.unwrap(), None);
        let source = Source::default();
        source.get(&session, loaded()).await;
        deployment.advance(secs(40));
        assert_eq!(session.update_cached(resize).await.unwrap(), Some(()));
        assert_eq!(source.get(&session, loaded()).await.size, 50);
        deployment.advance(secs(20));
        assert_eq!(session.update_cached(resize).await.unwrap(), None, "it has expired, although it was changed since");
        assert_eq!(source.get(&session, loaded()).await.size, 20);
        assert_eq!(source.loads(), 2);
    }
}

#[tokio::test]
async fn an_update_of_a_cached_value_creates_no_session() {
    let node = Deployment::local().node();
    let stranger = Visitor::default().enter(&node);
    assert_eq!(stranger.update_cached(|_: &mut Preferences| ()).await.unwrap(), None);
    assert_eq!(node.stats().sessions, 0);
}

#[tokio::test]
async fn what_an_older_release_called_fresh_for_longer_is_loaded_again() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let was_state = visitor_with(&first, State { theme: "old".into() }).await;
        let had_a_day = visitor_with(&first, old()).await;
        deployment.advance(secs(10 * 60));
        for visitor in [was_state, had_a_day] {
            let session = visitor.enter(&second);
            assert_eq!(session.get::<ShorterTtl>().await.unwrap(), None);
            assert_eq!(session.update_cached(|_: &mut ShorterTtl| ()).await.unwrap(), None);
            let source = Source::default();
            let new = ShorterTtl { theme: "new".into() };
            assert_eq!(*source.get(&session, new.clone()).await, new);
            deployment.advance(secs(59));
            source.get(&session, new).await;
            assert_eq!(source.loads(), 1, "a new load is fresh for the ttl that the type has now");
        }
    }
}

#[tokio::test]
async fn absent_and_stale_values_follow_the_current_policy_of_the_type() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let session = visitor(&first).await.enter(&first);
        let nothing = || async { Ok::<Option<Old>, Infallible>(None) };
        assert_eq!(session.find_or_load(nothing).await.unwrap(), None);
        deployment.advance(secs(10 * 60));
        let something = || async { Ok::<_, Infallible>(Some(ShorterTtl { theme: "by now".into() })) };
        let found = session.find_or_load(something).await.unwrap();
        assert_eq!(found.map(|found| found.theme.clone()).as_deref(), Some("by now"));

        let session = visitor_with(&first, old()).await.enter(&second);
        let failing = || async { Err::<ShorterTtl, _>("the source is down") };
        let error = session.get_or_load(failing).await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::LoadFailed, "a value of unknown age is not served stale");
    }
}

#[tokio::test]
async fn a_value_loaded_by_a_node_whose_clock_is_ahead_is_not_loaded_again() {
    let [behind, ahead] = Deployment::shared().nodes();
    let visitor = visitor(&ahead).await;
    let source = Source::default();
    for node in [&ahead, &behind] {
        source.get(&visitor.enter(node), loaded()).await;
    }
    assert_eq!(source.loads(), 1);
}
