//! What may happen to a session.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::Duration;

use cloakroom::testkit::MemoryStore;
use cloakroom::{Login, SessionErrorKind};

use super::audit::Told;
use super::explore::step;
use super::scene::{Bulk, Count, QUIET, Roles, USER, World};
use super::visitor::Visitor;

#[derive(Clone, Copy, Debug)]
pub(crate) enum Act {
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

impl Act {
    pub(crate) async fn perform(self, world: &Arc<World>, place: usize) -> Told {
        let visitor = world.visitor();
        let mut told = Told::default();
        match self {
            Self::Add => add(world, place, &visitor, &mut told).await,
            Self::Destroy => destroy(world, place, &visitor, &mut told).await,
            Self::Login => log_in(world, place, &visitor, &mut told).await,
            Self::Renew => renew(world, place, &visitor, &mut told).await,
            Self::Load => drop(load(world, place, &visitor).await),
            Self::Invalidate => invalidate(world, place, &visitor).await,
            Self::Expire => {
                pass(world, world.lifetime()).await;
                told.expired = true;
            }
            Self::Pack => pass(world, QUIET + Duration::from_secs(5)).await,
            Self::Crowd => crowd(world, place, &mut told).await,
            Self::Revoke => revoke(world, place, &mut told).await,
            Self::Deliver => world.lines.iter().for_each(MemoryStore::deliver_invalidations),
        }
        told.cookie = visitor.cookie();
        told
    }
}

async fn add(world: &World, place: usize, visitor: &Visitor, told: &mut Told) {
    let visit = visitor.enter(world.node(place));
    let added = visit.update::<Count, _>(|count| {
        count.0 += 1;
        count.0
    });
    match added.await {
        Ok(count) => {
            visit.leave().await;
            told.added = 1;
            read_own_write(world, place, visitor, count).await;
        }
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
}

/// The same browser, on the other node: a counter that it may still read is not older than what it wrote.
async fn read_own_write(world: &World, place: usize, visitor: &Visitor, written: u64) {
    let visit = visitor.enter(world.node(place + 1));
    match visit.get::<Count>().await {
        Ok(Some(count)) => assert!(count.0 >= written, "wrote {written} and then read {}", count.0),
        Ok(None) => {}
        // It ended between the look at the session and the look at the value.
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
    visit.leave().await;
}

async fn destroy(world: &World, place: usize, visitor: &Visitor, told: &mut Told) {
    let visit = visitor.enter(world.node(place));
    match visit.destroy().await {
        // A login replaced the token meanwhile: its session is not this one's to end.
        Err(error) if error.kind() == SessionErrorKind::Ended => {}
        outcome => outcome.expect("nothing is broken"),
    }
    visit.leave().await;
    // Without a session there is nothing to forget.
    told.ended = visitor.take_received().is_some_and(|cookie| cookie.contains("Max-Age=0"));
}

async fn log_in(world: &World, place: usize, visitor: &Visitor, told: &mut Told) {
    let visit = visitor.enter(world.node(place));
    match visit.login(Login::new(USER).keep::<Count>()).await {
        Ok(()) => {
            visit.leave().await;
            told.logged_in = true;
        }
        Err(error) => assert!(matches!(error.kind(), SessionErrorKind::Full | SessionErrorKind::Ended), "{error:?}"),
    }
}

async fn renew(world: &World, place: usize, visitor: &Visitor, told: &mut Told) {
    let visit = visitor.enter(world.node(place));
    match visit.renew().await {
        Ok(()) => {
            visit.leave().await;
            told.renewed = true;
        }
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
}

/// Reads the roles and checks that they are not older than what was known before the request began.
async fn load(world: &Arc<World>, place: usize, visitor: &Visitor) -> u64 {
    let floor = world.floor.load(SeqCst);
    let visit = visitor.enter(world.node(place));
    let source = Arc::clone(world);
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
    assert!(world.slow_line || roles >= floor, "read {roles} after {floor} was acknowledged");
    roles
}

async fn invalidate(world: &Arc<World>, place: usize, visitor: &Visitor) {
    let changed = world.source.fetch_add(1, SeqCst) + 1;
    let visit = visitor.enter(world.node(place));
    match visit.invalidate::<Roles>().await {
        Ok(()) => {
            world.floor.fetch_max(changed, SeqCst);
            visit.leave().await;
            let roles = load(world, place + 1, visitor).await;
            assert!(roles >= changed, "invalidated {changed} and then read {roles}");
        }
        Err(error) => assert_eq!(error.kind(), SessionErrorKind::Ended, "{error:?}"),
    }
}

async fn pass(world: &World, span: Duration) {
    world.clock.advance(span);
    for node in &world.nodes {
        node.run_pending_tasks().await;
    }
}

async fn crowd(world: &World, place: usize, told: &mut Told) {
    told.crowded = true;
    for _ in 0..5 {
        let stranger = Visitor::default();
        let visit = stranger.enter(world.node(place));
        match visit.set(Bulk("x".repeat(900))).await {
            Ok(()) => visit.leave().await,
            Err(error) => assert_eq!(error.kind(), SessionErrorKind::Full, "{error:?}"),
        }
    }
}

async fn revoke(world: &World, place: usize, told: &mut Told) {
    let revoked = world.node(place + 1).of(USER).revoke_all().await.expect("nothing is broken");
    told.revoked = revoked;
}
