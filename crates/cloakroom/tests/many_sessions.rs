//! Operations on a principal with a hundred thousand sessions, in linear time.

#[path = "model/visitor.rs"]
mod visitor;

use std::time::{Duration, Instant};

use cloakroom::store::{LimitPolicy, StoreErrorKind};
use cloakroom::{CachePolicy, Login, PageRequest, SessionErrorKind, SessionValue, Sessions, SessionsBuilder};
use cloakroom_testkit::{FaultyStore, MemoryStore, Verb};
use serde::{Deserialize, Serialize};

use visitor::Visitor;

#[derive(Clone, Default, Serialize, Deserialize)]
struct Roles(Vec<String>);
impl SessionValue for Roles {
    const KEY: &'static str = "roles";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(3600));
}

const MANY: usize = 100_000;
/// A hundred times the expected time, and a hundredth of that of a quadratic algorithm.
const BOUND: Duration = Duration::from_secs(60);

/// One builder without a store, and one with a shared tier.
fn both() -> [SessionsBuilder; 2] {
    [Sessions::builder(), Sessions::builder().store(MemoryStore::new())]
}

async fn log_in(sessions: &Sessions, count: usize) -> Visitor {
    let mut visitor = Visitor::default();
    for _ in 0..count {
        visitor = Visitor::default();
        let visit = visitor.enter(sessions);
        visit.login("robot").await.expect("anybody may log in");
        visit.leave().await;
    }
    visitor
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    let start = Instant::now();
    let done = work.await;
    let taken = start.elapsed();
    assert!(taken < BOUND, "{what} of {MANY} sessions took {taken:?}");
    done
}

#[tokio::test]
async fn login_list_and_revocation_work_with_a_hundred_thousand_sessions() {
    for builder in both() {
        let sessions = builder.unlimited_sessions_per_principal().build().expect("valid");
        let robot = sessions.of("robot");
        let last = in_time("the logins", log_in(&sessions, MANY)).await;
        assert_eq!(in_time("a list", robot.list()).await.expect("the store is up").len(), MANY);
        assert_eq!(in_time("a count", robot.count()).await.expect("the store is up"), MANY);
        last.enter(&sessions).set(Roles(vec!["admin".to_owned()])).await.expect("there is room");
        assert_eq!(in_time("an invalidation", robot.invalidate::<Roles>()).await.expect("the store is up"), MANY);
        assert!(last.enter(&sessions).get::<Roles>().await.expect("the store is up").is_none());
        let visit = last.enter(&sessions);
        assert_eq!(in_time("a revocation", robot.revoke_others(&visit)).await.expect("the store is up"), MANY - 1);
        assert_eq!(visit.principal().await.expect("the store is up"), Some("robot".into()));
        assert_eq!(robot.revoke_all().await.expect("the store is up"), 1);
        assert_eq!(robot.count().await.expect("the store is up"), 0);
    }
}

#[tokio::test]
async fn a_login_that_ends_the_other_sessions_ends_a_hundred_thousand() {
    for builder in both() {
        let sessions = builder.unlimited_sessions_per_principal().build().expect("valid");
        in_time("the logins", log_in(&sessions, MANY)).await;
        let visitor = Visitor::default();
        let visit = visitor.enter(&sessions);
        in_time("a login", visit.login(Login::new("robot").ending_others())).await.expect("the store is up");
        visit.leave().await;
        assert_eq!(sessions.of("robot").count().await.expect("the store is up"), 1);
        assert_eq!(sessions.stats().ended_revoked, MANY as u64);
    }
}

#[tokio::test]
async fn without_a_setting_a_principal_keeps_its_newest_thousand_sessions() {
    for builder in both() {
        let sessions = builder.build().expect("valid");
        let first = log_in(&sessions, 1).await;
        let second = log_in(&sessions, 1).await;
        log_in(&sessions, 999).await;
        assert_eq!(sessions.of("robot").count().await.expect("the store is up"), 1000);
        assert_eq!(first.enter(&sessions).principal().await.expect("the store is up"), None);
        assert_eq!(second.enter(&sessions).principal().await.expect("the store is up"), Some("robot".into()));
        assert_eq!(sessions.stats().ended_displaced, 1);
    }
}

#[tokio::test]
async fn one_login_enforces_a_limit_far_below_the_number_of_sessions() {
    let store = MemoryStore::new();
    let before = Sessions::builder().store(store.node()).unlimited_sessions_per_principal().build().expect("valid");
    log_in(&before, 2000).await;
    let after = Sessions::builder()
        .store(store.node())
        .max_sessions_per_principal(3, LimitPolicy::EndOldest)
        .build()
        .expect("valid");
    let newest = log_in(&after, 1).await;
    assert_eq!(after.of("robot").count().await.expect("the store is up"), 3);
    assert_eq!(after.stats().ended_displaced, 1998);
    assert_eq!(newest.enter(&after).principal().await.expect("the store is up"), Some("robot".into()));
}

#[tokio::test]
async fn pages_of_sessions_are_contiguous_and_refuse_an_invalid_cursor() {
    for builder in both() {
        let sessions = builder.build().expect("valid");
        log_in(&sessions, 7).await;
        let robot = sessions.of("robot");
        let all: Vec<_> = robot.list().await.expect("the store is up").iter().map(|info| info.id).collect();
        let (mut paged, mut request) = (Vec::new(), PageRequest::first(3));
        loop {
            let page = robot.page(request.clone()).await.expect("the store is up");
            assert!(page.items.len() <= 3);
            paged.extend(page.items.iter().map(|info| info.id));
            // The cursor as text, as it comes back in a link to the next page.
            let Some(next) = page.next.map(|next| cloakroom::Cursor::new(next.as_str())) else { break };
            request = request.after(next);
        }
        assert_eq!(paged, all);
        let error =
            robot.page(PageRequest::first(3).after(cloakroom::Cursor::new("x"))).await.expect_err("an invalid cursor");
        assert_eq!(error.kind(), SessionErrorKind::InvalidCursor);
    }
}

#[tokio::test]
async fn a_destroy_that_fails_keeps_no_other_session_alive() {
    let store = FaultyStore::new(MemoryStore::new());
    let sessions = Sessions::builder().store(store.clone()).unlimited_sessions_per_principal().build().expect("valid");
    log_in(&sessions, 1200).await;
    let robot = sessions.of("robot");
    store.fail_next(Verb::Destroy, StoreErrorKind::Unavailable);
    let error = robot.revoke_all().await.expect_err("the caller learns that a session is left");
    assert_eq!(error.kind(), SessionErrorKind::StoreUnavailable);
    assert_eq!(robot.count().await.expect("the store is up"), 1, "all other sessions have ended");
    assert_eq!(robot.revoke_all().await.expect("the store is up"), 1, "the session that was left");
}

#[tokio::test]
async fn a_page_that_could_not_be_read_is_requested_again() {
    let store = FaultyStore::new(MemoryStore::new());
    let sessions = Sessions::builder().store(store.clone()).unlimited_sessions_per_principal().build().expect("valid");
    log_in(&sessions, 3).await;
    store.fail_next(Verb::ListMembers, StoreErrorKind::Unavailable);
    assert_eq!(sessions.of("robot").revoke_all().await.expect("the second attempt succeeds"), 3);
}
