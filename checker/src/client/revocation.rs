//! Tokens that are dead, and the proof that they are.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hyper::StatusCode;

use super::http::{Connections, HttpRequest, NodeConnection};
use crate::loss::{Operation, slot_of};
use crate::report::Finding;
use crate::state::{LEASE, ScenarioState};

/// How long a node is asked beyond the lease.
const MARGIN: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(2);
/// For a node that does not answer just now.
const LONG_PAUSE: Duration = Duration::from_millis(20);
/// How long the living wait for the proof that the dead are dead.
const LIMIT: Duration = Duration::from_secs(60);

/// A token that was logged out, or replaced by a login.
#[derive(Clone, Debug)]
pub(crate) struct DeadToken {
    pub(crate) token: String,
    /// When the request that ended it was sent.
    pub(super) started: Instant,
    /// When that was acknowledged.
    pub(crate) ended: Instant,
}

impl DeadToken {
    /// Whether Redis itself may have lost that it is dead.
    fn is_excused(&self, world: &ScenarioState) -> bool {
        world.excuses(Operation { slot: slot_of(&self.token), sent: self.started, acked: Some(self.ended) })
    }

    /// One whose end, asked for at `started`, has just been acknowledged.
    pub(crate) fn new(token: String, started: Instant) -> Self {
        Self { token, started, ended: Instant::now() }
    }
}

/// What a node makes of a token.
enum Verdict {
    Opened,
    Refused,
    /// It did not say.
    Silent,
}

async fn try_on(line: &mut NodeConnection, token: &str, patience: Duration) -> Verdict {
    match line.ask(HttpRequest { patience, ..HttpRequest::get("/view", Some(token)) }).await {
        Ok(answer) if answer.status == StatusCode::OK && answer.view.opened() => Verdict::Opened,
        Ok(answer) if answer.status == StatusCode::OK => Verdict::Refused,
        Ok(_) | Err(_) => Verdict::Silent,
    }
}

/// Asks every node from the acknowledgement of a logout on until it refuses.
pub(super) async fn attend(world: &ScenarioState, dead: &DeadToken, wire: &mut Connections) {
    join_all(wire.each().map(|line| attend_at(world, dead, line))).await;
}

async fn attend_at(world: &ScenarioState, dead: &DeadToken, line: &mut NodeConnection) {
    // Since when it was not seen to open anything. No answer opens nothing either.
    let mut shut = None;
    let mut opened = Vec::new();
    loop {
        let since = dead.ended.elapsed();
        if since > LEASE + MARGIN {
            // Whoever checks at the end will know.
            return world.tally.refused_after(shut.unwrap_or(since), &opened);
        }
        world.tally.request();
        match try_on(line, &dead.token, LONG_PAUSE * 10).await {
            Verdict::Refused => return world.tally.refused_after(*shut.get_or_insert(since), &opened),
            Verdict::Opened => {
                shut = None;
                opened.push((since, dead.ended.elapsed()));
                if since > LEASE && !dead.is_excused(world) {
                    world.tally.find(Finding::Late, || format!("opened {since:?} after the logout"));
                }
                tokio::time::sleep(PAUSE).await;
            }
            Verdict::Silent => {
                shut.get_or_insert(since);
                tokio::time::sleep(LONG_PAUSE).await;
            }
        }
    }
}

/// Tries dead tokens again, now and then, for as long as the world turns.
pub(crate) async fn dig(world: &ScenarioState, mut rng: fastrand::Rng) {
    let mut wire = Connections::new(&world.nodes);
    while !world.is_stopped() {
        tokio::time::sleep(PAUSE).await;
        let any = {
            let graves = world.dead_tokens.lock();
            if graves.is_empty() { None } else { graves.get(rng.usize(..graves.len())).cloned() }
        };
        let Some(dead) = any.filter(|dead| dead.ended.elapsed() > LEASE) else { continue };
        world.tally.request();
        if matches!(try_on(wire.any(&mut rng), &dead.token, LONG_PAUSE * 10).await, Verdict::Opened) {
            report(world, &dead);
        }
    }
}

/// At the very end: every dead token is refused by every node.
pub(crate) async fn check_all(world: &ScenarioState) {
    let graves = std::mem::take(&mut *world.dead_tokens.lock());
    let limit = Instant::now() + LIMIT;
    let at_once = 4;
    let walks = (0..at_once).map(|walker| {
        let mine = graves.iter().skip(walker).step_by(at_once);
        async move {
            let mut wire = Connections::new(&world.nodes);
            for dead in mine {
                for line in wire.each() {
                    check(world, dead, line, limit).await;
                }
            }
        }
    });
    join_all(walks).await;
}

async fn check(world: &ScenarioState, dead: &DeadToken, line: &mut NodeConnection, limit: Instant) {
    tokio::time::sleep((dead.ended + LEASE).saturating_duration_since(Instant::now())).await;
    loop {
        world.tally.request();
        match try_on(line, &dead.token, LEASE).await {
            Verdict::Refused => return,
            Verdict::Opened => return report(world, dead),
            Verdict::Silent if Instant::now() > limit => {
                return world.tally.find(Finding::Odd, || "a node did not say whether a token is dead".to_owned());
            }
            Verdict::Silent => tokio::time::sleep(LONG_PAUSE).await,
        }
    }
}

fn report(world: &ScenarioState, dead: &DeadToken) {
    if dead.is_excused(world) {
        world.tally.find_excused(1);
    } else {
        let since = dead.ended.elapsed();
        world.tally.find(Finding::Resurrected, || format!("opens again, {since:?} after its end"));
    }
}
