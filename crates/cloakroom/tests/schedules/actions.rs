//! What may happen to a session.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use cloakroom::{Login, SessionErrorKind};
use cloakroom_testkit::MemoryStore;

use super::audit::Outcome;
use super::explore::step;
use super::scenario::{Bulk, Count, QUIET, Roles, Shared, USER};
use super::visitor::Visitor;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Increments the counter.
    Add,
    Destroy,
    Login,
    Renew,
    /// Reads the roles, through the loader if need be.
    Load,
    /// Changes the source of the roles, then drops the cached ones.
    Invalidate,
    /// The idle timeout passes, and the timer goes round.
    Expire,
    /// A quiet minute passes, and the timer goes round.
    Pack,
    /// More anonymous sessions come than there is room for.
    Crowd,
    /// "Sign out everywhere", from the other node.
    Revoke,
    /// The slow line delivers.
    Deliver,
}

impl Action {
    pub(crate) async fn perform(self, shared: &Arc<Shared>, place: usize) -> Outcome {
        let visitor = shared.visitor();
        let mut outcome = Outcome::default();
        match self {
            Self::Add => add(shared, place, &visitor, &mut outcome).await,
            Self::Destroy => destroy(shared, place, &visitor, &mut outcome).await,
            Self::Login => log_in(shared, place, &visitor, &mut outcome).await,
            Self::Renew => renew(shared, place, &visitor, &mut outcome).await,
            Self::Load => drop(load(shared, place, &visitor).await),
            Self::Invalidate => invalidate(shared, place, &visitor).await,
            Self::Expire => {
                pass(shared, shared.lifetime()).await;
                outcome.expired = true;
            }
            Self::Pack => pass(shared, QUIET + Duration::from_secs(5)).await,
            Self::Crowd => crowd(shared, place, &mut outcome).await,
            Self::Revoke => revoke(shared, place, &mut outcome).await,
            Self::Deliver => shared.stores.iter().for_each(MemoryStore::deliver_invalidations),
        }
        outcome.cookie = visitor.cookie();
        outcome
    }
}

async fn add(shared: &Shared, place: usize, visitor: &Visitor, outcome: &mut Outcome) {
    let visit = visitor.enter(shared.node(place));
    let added = visit.update::<Count, _>(|count| {
        count.0 += 1;
        count.0
    });
    match added.await {
        Ok(count) => {
            visit.leave().await;
            outcome.added = 1;
            read_own_write(shared, place, visitor, count).await;
        }
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
}

/// The same browser, on the other node: a counter that it may still read is not older than what it wrote.
async fn read_own_write(shared: &Shared, place: usize, visitor: &Visitor, written: u64) {
    let visit = visitor.enter(shared.node(place + 1));
    match visit.get::<Count>().await {
        Ok(Some(count)) => assert!(count.0 >= written, "wrote {written} and then read {}", count.0),
        Ok(None) => {}
        // It ended between the look at the session and the look at the value.
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
    visit.leave().await;
}

async fn destroy(shared: &Shared, place: usize, visitor: &Visitor, outcome: &mut Outcome) {
    let visit = visitor.enter(shared.node(place));
    match visit.destroy().await {
        // A login replaced the token meanwhile: its session is not this one's to end.
        Err(error) if error.kind() == SessionErrorKind::Ended => {}
        result => result.expect("nothing is broken"),
    }
    visit.leave().await;
    // Without a session there is nothing to forget.
    outcome.ended = visitor.take_received().is_some_and(|cookie| cookie.contains("Max-Age=0"));
}

async fn log_in(shared: &Shared, place: usize, visitor: &Visitor, outcome: &mut Outcome) {
    let visit = visitor.enter(shared.node(place));
    match visit.login(Login::new(USER).keep::<Count>()).await {
        Ok(()) => {
            visit.leave().await;
            outcome.logged_in = true;
        }
        Err(error) => assert!(matches!(error.kind(), SessionErrorKind::Full | SessionErrorKind::Ended), "{error:?}"),
    }
}

async fn renew(shared: &Shared, place: usize, visitor: &Visitor, outcome: &mut Outcome) {
    let visit = visitor.enter(shared.node(place));
    match visit.renew().await {
        Ok(()) => {
            visit.leave().await;
            outcome.renewed = true;
        }
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
}

/// Reads the roles and checks that they are not older than what was known before the request began.
async fn load(shared: &Arc<Shared>, place: usize, visitor: &Visitor) -> u64 {
    let floor = shared.floor.load(SeqCst);
    let visit = visitor.enter(shared.node(place));
    let source = Arc::clone(shared);
    let load = move || async move {
        let roles = Roles(source.source.load(SeqCst));
        // The answer is under way for a while.
        step();
        step();
        Ok::<_, Infallible>(roles)
    };
    let roles = visit.get_or_load::<Roles, _, _, _>(load).await.expect("nothing is broken").0;
    visit.leave().await;
    // A browser that knows nothing of the invalidation may be served an old copy while the line is slow.
    assert!(shared.slow_line || roles >= floor, "read {roles} after {floor} was acknowledged");
    roles
}

async fn invalidate(shared: &Arc<Shared>, place: usize, visitor: &Visitor) {
    let changed = shared.source.fetch_add(1, SeqCst) + 1;
    let visit = visitor.enter(shared.node(place));
    match visit.invalidate::<Roles>().await {
        Ok(()) => {
            shared.floor.fetch_max(changed, SeqCst);
            visit.leave().await;
            let roles = load(shared, place + 1, visitor).await;
            assert!(roles >= changed, "invalidated {changed} and then read {roles}");
        }
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
}

async fn pass(shared: &Shared, span: Duration) {
    shared.clock.advance(span);
    for node in &shared.nodes {
        node.run_pending_tasks().await;
    }
}

async fn crowd(shared: &Shared, place: usize, outcome: &mut Outcome) {
    outcome.crowded = true;
    for _ in 0..5 {
        let stranger = Visitor::default();
        let visit = stranger.enter(shared.node(place));
        match visit.set(Bulk("x".repeat(900))).await {
            Ok(()) => visit.leave().await,
            Err(error) => assert_eq!(error.kind(), SessionErrorKind::Full, "{error:?}"),
        }
    }
}

async fn revoke(shared: &Shared, place: usize, outcome: &mut Outcome) {
    let revoked = shared.node(place + 1).of(USER).revoke_all().await.expect("nothing is broken");
    outcome.revoked = revoked;
}
