//! Actions on a session.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use cloakroom::{Login, SessionErrorKind};
use cloakroom_testkit::MemoryStore;

use super::audit::Outcome;
use super::explore::step;
use super::scenario::{Bulk, Count, PACK_AFTER, Roles, Shared, USER};
use super::visitor::Visitor;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    /// Increments the counter.
    Add,
    Destroy,
    Login,
    Renew,
    /// Reads the roles, and loads them if they are not cached.
    Load,
    /// Changes the source of the roles, then invalidates the cached ones.
    Invalidate,
    /// The idle timeout passes, and pending tasks run.
    Expire,
    /// The session is unused until it may be packed, and pending tasks run.
    Pack,
    /// Creates more anonymous sessions than fit into memory.
    Flood,
    /// "Sign out everywhere", on the other node.
    Revoke,
    /// Delivers the delayed invalidations.
    Deliver,
    /// Follows the counter in a stream until all increments were delivered. Without a wake-up it
    /// would wait forever.
    Follow,
    /// Follows the counter in a stream until the session ends.
    FollowToEnd,
}

impl Action {
    pub(crate) async fn perform(self, shared: &Arc<Shared>, index: usize) -> Outcome {
        let visitor = shared.visitor();
        let mut outcome = Outcome::default();
        shared.set_other_clock();
        match self {
            Self::Add => add(shared, index, &visitor, &mut outcome).await,
            Self::Destroy => destroy(shared, index, &visitor, &mut outcome).await,
            Self::Login => log_in(shared, index, &visitor, &mut outcome).await,
            Self::Renew => renew(shared, index, &visitor, &mut outcome).await,
            Self::Load => drop(load(shared, index, &visitor).await),
            Self::Invalidate => invalidate(shared, index, &visitor).await,
            Self::Expire => {
                advance(shared, shared.lifetime()).await;
                outcome.expired = true;
            }
            Self::Pack => advance(shared, PACK_AFTER + Duration::from_secs(5)).await,
            Self::Flood => flood(shared, index, &mut outcome).await,
            Self::Revoke => revoke(shared, index, &mut outcome).await,
            Self::Follow => follow(shared, index, &visitor, Some(shared.increments)).await,
            Self::FollowToEnd => follow(shared, index, &visitor, None).await,
            Self::Deliver => shared.stores.iter().for_each(MemoryStore::deliver_invalidations),
        }
        outcome.cookie = visitor.cookie();
        outcome
    }
}

/// Follows the counter up to a count, or to the end of the session.
async fn follow(shared: &Shared, index: usize, visitor: &Visitor, up_to: Option<u64>) {
    let visit = visitor.enter(shared.node(index));
    let mut counts = visit.watch::<Count>().await.expect("a memory store does not fail");
    visit.leave().await;
    let mut last = None;
    while up_to.is_none() || last < up_to {
        let Some(count) = counts.next().await else {
            assert_eq!(up_to, None, "the session lives");
            break;
        };
        let count = count.expect("a counter").map(|count| count.0);
        assert!(count > last, "{count:?} after {last:?}");
        last = count;
    }
}

async fn add(shared: &Shared, index: usize, visitor: &Visitor, outcome: &mut Outcome) {
    let visit = visitor.enter(shared.node(index));
    let added = visit.update::<Count, _>(|count| {
        count.0 += 1;
        count.0
    });
    match added.await {
        Ok(count) => {
            visit.leave().await;
            outcome.added = 1;
            read_own_write(shared, index, visitor, count).await;
        }
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
}

/// Asserts that a browser reads no counter on the other node that is older than its own write.
async fn read_own_write(shared: &Shared, index: usize, visitor: &Visitor, written: u64) {
    let visit = visitor.enter(shared.node(index + 1));
    match visit.get::<Count>().await {
        Ok(Some(count)) => assert!(count.0 >= written, "wrote {written} and then read {}", count.0),
        Ok(None) => {}
        // The session ended between its lookup and the read of the value.
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
    visit.leave().await;
}

async fn destroy(shared: &Shared, index: usize, visitor: &Visitor, outcome: &mut Outcome) {
    let visit = visitor.enter(shared.node(index));
    match visit.destroy().await {
        // A login has replaced the token, so this request may not end the session.
        Err(error) if error.kind() == SessionErrorKind::Ended => {}
        result => result.expect("nothing is broken"),
    }
    visit.leave().await;
    // The cookie is removed only if there was a session.
    outcome.ended = visitor.take_received().is_some_and(|cookie| cookie.contains("Max-Age=0"));
}

async fn log_in(shared: &Shared, index: usize, visitor: &Visitor, outcome: &mut Outcome) {
    let visit = visitor.enter(shared.node(index));
    match visit.login(Login::new(USER).keep::<Count>()).await {
        Ok(()) => {
            visit.leave().await;
            outcome.logged_in = true;
        }
        Err(error) => assert!(matches!(error.kind(), SessionErrorKind::Full | SessionErrorKind::Ended), "{error:?}"),
    }
}

async fn renew(shared: &Shared, index: usize, visitor: &Visitor, outcome: &mut Outcome) {
    let visit = visitor.enter(shared.node(index));
    match visit.renew().await {
        Ok(()) => {
            visit.leave().await;
            outcome.renewed = true;
        }
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
}

/// Reads the roles, and asserts that they are not older than an invalidation that was
/// acknowledged before the request began.
async fn load(shared: &Arc<Shared>, index: usize, visitor: &Visitor) -> u64 {
    let min_roles = shared.min_roles.load(SeqCst);
    let visit = visitor.enter(shared.node(index));
    let source = Arc::clone(shared);
    let load = move || async move {
        let roles = Roles(source.source.load(SeqCst));
        // The source takes a while to respond.
        step();
        step();
        Ok::<_, Infallible>(roles)
    };
    let roles = visit.get_or_load::<Roles, _, _>(load).await.expect("nothing is broken").0;
    visit.leave().await;
    // If invalidations are delayed, a browser that has not seen this one may get an old copy.
    assert!(shared.delayed_invalidations || roles >= min_roles, "read {roles} after {min_roles} was acknowledged");
    roles
}

async fn invalidate(shared: &Arc<Shared>, index: usize, visitor: &Visitor) {
    let changed = shared.source.fetch_add(1, SeqCst) + 1;
    let visit = visitor.enter(shared.node(index));
    match visit.invalidate::<Roles>().await {
        Ok(()) => {
            shared.min_roles.fetch_max(changed, SeqCst);
            visit.leave().await;
            let roles = load(shared, index + 1, visitor).await;
            assert!(roles >= changed, "invalidated {changed} and then read {roles}");
        }
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
}

async fn advance(shared: &Shared, span: Duration) {
    shared.advance_clocks(span);
    for node in &shared.nodes {
        node.run_pending_tasks().await;
    }
}

async fn flood(shared: &Shared, index: usize, outcome: &mut Outcome) {
    outcome.flooded = true;
    for _ in 0..5 {
        let stranger = Visitor::default();
        let visit = stranger.enter(shared.node(index));
        match visit.set(Bulk("x".repeat(900))).await {
            Ok(()) => visit.leave().await,
            Err(error) => assert_eq!(error.kind(), SessionErrorKind::Full, "{error:?}"),
        }
    }
}

async fn revoke(shared: &Shared, index: usize, outcome: &mut Outcome) {
    let revoked = shared.node(index + 1).of(USER).revoke_all().await.expect("nothing is broken");
    outcome.revoked = revoked;
}
