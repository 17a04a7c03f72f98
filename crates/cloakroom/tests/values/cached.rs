//! A fault of the cache is none of the application: what cannot be used is loaded again, and nothing is made up.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use cloakroom::{CachePolicy, Session, SessionErrorKind, SessionValue};
use serde::{Deserialize, Serialize};

use crate::log::capture;
use crate::support::{Deployment, Note, holder, secs, visitor};
use crate::visitor::Visitor;

const KEY: &str = "preferences";
const DAY: CachePolicy = CachePolicy::ttl(secs(24 * 60 * 60)).negative_ttl(secs(24 * 60 * 60));
const MINUTE: CachePolicy = CachePolicy::ttl(secs(60)).negative_ttl(secs(60));

/// What one release calls its preferences.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Old {
    theme: String,
}

impl SessionValue for Old {
    const KEY: &'static str = KEY;
    const CACHE: CachePolicy = DAY;
}

/// What the next release calls them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Preferences {
    theme: String,
    size: u32,
}

impl SessionValue for Preferences {
    const KEY: &'static str = KEY;
    const CACHE: CachePolicy = MINUTE;
}

/// The first release's again, under another policy.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Hasty {
    theme: String,
}

impl SessionValue for Hasty {
    const KEY: &'static str = KEY;
    const CACHE: CachePolicy = MINUTE.stale_while_revalidate(secs(30)).stale_if_error(secs(60));
}

/// The same as state.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    theme: String,
}

impl SessionValue for State {
    const KEY: &'static str = KEY;
}

/// Counts how often it was asked.
#[derive(Clone, Debug, Default)]
struct Source(Arc<AtomicUsize>);

impl Source {
    fn asked(&self) -> usize {
        self.0.load(SeqCst)
    }

    async fn get<T: SessionValue>(&self, session: &Session, value: T) -> Arc<T> {
        let asked = Arc::clone(&self.0);
        let load = move || async move {
            asked.fetch_add(1, SeqCst);
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
async fn a_cached_value_of_another_release_is_loaded_again_and_one_line_says_so() {
    for deployment in Deployment::both() {
        let (log, _guard) = capture();
        let [first, second] = deployment.nodes();
        let session = holder(&first, old()).await.enter(&second);
        let source = Source::default();
        assert_eq!(session.get::<Preferences>().await.unwrap(), None, "a plain read is a miss");
        for _ in 0..3 {
            assert_eq!(*source.get(&session, loaded()).await, loaded());
        }
        assert_eq!(source.asked(), 1, "what was loaded took the other's place");
        assert_eq!(second.stats().values_unreadable, 2);
        let lines = log.text();
        let told = lines.lines().filter(|line| line.contains("a cached value cannot be read"));
        assert_eq!(told.count(), 1, "{lines}");
        // In debug builds both types have been met by one process where there is no store between them.
        assert!(lines.contains(KEY), "{lines}");
        assert!(lines.contains("`size` is missing") || lines.contains("is used by two types"), "{lines}");
        assert!(!lines.contains("dark"), "what sessions hold is not for logs: {lines}");
    }
}

#[tokio::test]
async fn a_cached_value_that_does_not_decode_gets_in_the_way_of_no_verb() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        for verb in ["remove", "set", "invalidate", "take", "update", "derive", "clear"] {
            let session = holder(&first, old()).await.enter(&second);
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
        assert_eq!(*Source::default().get(&session, old()).await, old(), "and loaded where it is not derived");
    }
}

#[tokio::test]
async fn state_that_does_not_decode_is_an_error_that_names_its_key_and_quotes_nothing() {
    #[derive(Clone, Debug, Serialize, Deserialize)]
    struct Number(u8);
    impl SessionValue for Number {
        const KEY: &'static str = Note::KEY;
    }
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let session = holder(&first, Note("secret words".into())).await.enter(&second);
        let error = session.get::<Number>().await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::Decode);
        let said = error.source().unwrap().to_string();
        assert!(said.contains("`note`") && (said.contains("another type") || said.contains("two types")), "{said}");
        assert!(!format!("{error:?} {said}").contains("secret"), "{error:?}");
    }
}

#[tokio::test]
async fn an_update_of_a_cached_value_invents_none_and_makes_none_younger() {
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
        assert_eq!(session.update_cached(resize).await.unwrap(), None, "its time is over, whenever it was changed");
        assert_eq!(source.get(&session, loaded()).await.size, 20);
        assert_eq!(source.asked(), 2);
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
        let was_state = holder(&first, State { theme: "old".into() }).await;
        let had_a_day = holder(&first, old()).await;
        deployment.advance(secs(10 * 60));
        for visitor in [was_state, had_a_day] {
            let session = visitor.enter(&second);
            assert_eq!(session.get::<Hasty>().await.unwrap(), None);
            assert_eq!(session.update_cached(|_: &mut Hasty| ()).await.unwrap(), None);
            let source = Source::default();
            let new = Hasty { theme: "new".into() };
            assert_eq!(*source.get(&session, new.clone()).await, new);
            deployment.advance(secs(59));
            source.get(&session, new).await;
            assert_eq!(source.asked(), 1, "what was loaded now is fresh for as long as the type says now");
        }
    }
}

#[tokio::test]
async fn an_absence_and_a_value_for_emergencies_last_no_longer_than_the_type_says_now() {
    for deployment in Deployment::both() {
        let [first, second] = deployment.nodes();
        let session = visitor(&first).await.enter(&first);
        let nothing = || async { Ok::<Option<Old>, Infallible>(None) };
        assert_eq!(session.find_or_load(nothing).await.unwrap(), None);
        deployment.advance(secs(10 * 60));
        let something = || async { Ok::<_, Infallible>(Some(Hasty { theme: "by now".into() })) };
        let found = session.find_or_load(something).await.unwrap();
        assert_eq!(found.map(|found| found.theme.clone()).as_deref(), Some("by now"));

        let session = holder(&first, old()).await.enter(&second);
        let failing = || async { Err::<Hasty, _>("the source is away") };
        let error = session.get_or_load(failing).await.unwrap_err();
        assert_eq!(error.kind(), SessionErrorKind::LoadFailed, "a value of unknown age is for no emergency");
    }
}

#[tokio::test]
async fn what_a_node_loaded_whose_clock_is_ahead_is_not_loaded_again() {
    let [behind, ahead] = Deployment::shared().nodes();
    let visitor = visitor(&ahead).await;
    let source = Source::default();
    for node in [&ahead, &behind] {
        source.get(&visitor.enter(node), loaded()).await;
    }
    assert_eq!(source.asked(), 1);
}
