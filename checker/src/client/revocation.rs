//! Dead tokens, and the checks that every node refuses them.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hyper::StatusCode;

use super::http::{Connections, HttpRequest, NodeConnection};
use crate::loss::{Operation, slot_of};
use crate::report::Finding;
use crate::state::{LEASE, ScenarioState};

/// How long beyond the lease a node is asked.
const MARGIN: Duration = Duration::from_millis(300);
const PAUSE: Duration = Duration::from_millis(2);
/// For a node that does not reply at the moment.
const LONG_PAUSE: Duration = Duration::from_millis(20);
/// Time limit for the final check of all dead tokens.
const LIMIT: Duration = Duration::from_secs(60);

/// A token that a logout ended or a login replaced.
#[derive(Clone, Debug)]
pub(crate) struct DeadToken {
    pub(crate) token: String,
    /// When the request that ended it was sent.
    pub(super) started: Instant,
    /// When that request was acknowledged.
    pub(crate) ended: Instant,
}

impl DeadToken {
    /// Returns `true` if Redis itself may have lost the end of this token.
    fn is_excused(&self, scenario: &ScenarioState) -> bool {
        scenario.excuses(Operation { slot: slot_of(&self.token), sent: self.started, acked: Some(self.ended) })
    }

    /// A token whose end, requested at `started`, has just been acknowledged.
    pub(crate) fn new(token: String, started: Instant) -> Self {
        Self { token, started, ended: Instant::now() }
    }
}

/// The response of a node to a token.
enum Verdict {
    Opened,
    Refused,
    /// No usable reply.
    NoReply,
}

async fn try_token(connection: &mut NodeConnection, token: &str, patience: Duration) -> Verdict {
    match connection.ask(HttpRequest { patience, ..HttpRequest::get("/view", Some(token)) }).await {
        Ok(answer) if answer.status == StatusCode::OK && answer.view.opened() => Verdict::Opened,
        Ok(answer) if answer.status == StatusCode::OK => Verdict::Refused,
        Ok(_) | Err(_) => Verdict::NoReply,
    }
}

/// Asks every node, from the acknowledgement of a logout on, until it refuses the token.
pub(super) async fn wait_for_refusal(scenario: &ScenarioState, dead: &DeadToken, connections: &mut Connections) {
    join_all(connections.each().map(|connection| wait_for_refusal_by(scenario, dead, connection))).await;
}

async fn wait_for_refusal_by(scenario: &ScenarioState, dead: &DeadToken, connection: &mut NodeConnection) {
    // When the node stopped opening the token. A request without a reply opens nothing either.
    let mut refusing_since = None;
    let mut opened = Vec::new();
    loop {
        let since = dead.ended.elapsed();
        if since > LEASE + MARGIN {
            // The final check decides.
            return scenario.tally.refused_after(refusing_since.unwrap_or(since), &opened);
        }
        scenario.tally.request();
        match try_token(connection, &dead.token, LONG_PAUSE * 10).await {
            Verdict::Refused => return scenario.tally.refused_after(*refusing_since.get_or_insert(since), &opened),
            Verdict::Opened => {
                refusing_since = None;
                opened.push((since, dead.ended.elapsed()));
                if since > LEASE && !dead.is_excused(scenario) {
                    scenario.tally.find(Finding::Late, || format!("a token opened {since:?} after the logout"));
                }
                tokio::time::sleep(PAUSE).await;
            }
            Verdict::NoReply => {
                refusing_since.get_or_insert(since);
                tokio::time::sleep(LONG_PAUSE).await;
            }
        }
    }
}

/// Retries random dead tokens until the scenario stops.
pub(crate) async fn retry_dead_tokens(scenario: &ScenarioState, mut rng: fastrand::Rng) {
    let mut connections = Connections::new(&scenario.nodes);
    while !scenario.is_stopped() {
        tokio::time::sleep(PAUSE).await;
        let token = {
            let dead_tokens = scenario.dead_tokens.lock();
            if dead_tokens.is_empty() { None } else { dead_tokens.get(rng.usize(..dead_tokens.len())).cloned() }
        };
        let Some(dead) = token.filter(|dead| dead.ended.elapsed() > LEASE) else { continue };
        scenario.tally.request();
        if matches!(try_token(connections.any(&mut rng), &dead.token, LONG_PAUSE * 10).await, Verdict::Opened) {
            report(scenario, &dead);
        }
    }
}

/// Checks at the end of a scenario that every node refuses every dead token.
pub(crate) async fn check_all(scenario: &ScenarioState) {
    let dead_tokens = std::mem::take(&mut *scenario.dead_tokens.lock());
    let limit = Instant::now() + LIMIT;
    let at_once = 4;
    let checks = (0..at_once).map(|worker| {
        let share = dead_tokens.iter().skip(worker).step_by(at_once);
        async move {
            let mut connections = Connections::new(&scenario.nodes);
            for dead in share {
                for connection in connections.each() {
                    check(scenario, dead, connection, limit).await;
                }
            }
        }
    });
    join_all(checks).await;
}

async fn check(scenario: &ScenarioState, dead: &DeadToken, connection: &mut NodeConnection, limit: Instant) {
    tokio::time::sleep((dead.ended + LEASE).saturating_duration_since(Instant::now())).await;
    loop {
        scenario.tally.request();
        match try_token(connection, &dead.token, LEASE).await {
            Verdict::Refused => return,
            Verdict::Opened => return report(scenario, dead),
            Verdict::NoReply if Instant::now() > limit => {
                return scenario
                    .tally
                    .find(Finding::Odd, || "a node did not reply to a request with a dead token".to_owned());
            }
            Verdict::NoReply => tokio::time::sleep(LONG_PAUSE).await,
        }
    }
}

fn report(scenario: &ScenarioState, dead: &DeadToken) {
    if dead.is_excused(scenario) {
        scenario.tally.find_excused(1);
    } else {
        let since = dead.ended.elapsed();
        scenario.tally.find(Finding::Resurrected, || format!("a token opened again, {since:?} after its end"));
    }
}
