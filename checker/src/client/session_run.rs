//! The life of a session, from the first request of its clients to the last check that it has
//! ended.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use hyper::StatusCode;
use parking_lot::Mutex;

use super::device::{Device, Kind, State};
use super::http::{Connections, HttpRequest};
use super::revocation::{self, DeadToken};
use crate::ledger::{ClientHistory, SessionLedger, audit, is_complete};
use crate::report::Finding;
use crate::state::{LEASE, ScenarioState};

/// How long to wait for a reply while faults are injected.
const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// Runs one session after another, for one client or several that share it, until the scenario
/// stops.
pub(crate) async fn run_sessions(scenario: &ScenarioState, group: usize, devices: usize, mut rng: fastrand::Rng) {
    let mut all_connections: Vec<_> = (0..devices).map(|_| Connections::new(&scenario.nodes)).collect();
    while !scenario.is_stopped() {
        let ledger = Mutex::new(SessionLedger::default());
        let owner = scenario.serial();
        let device = |number: usize, connections: Connections, rng: &mut fastrand::Rng| Device {
            scenario,
            ledger: &ledger,
            owner,
            number,
            token: None,
            connections,
            rng: rng.fork(),
            seen: ClientHistory::new(number, owner),
            logged_in: false,
        };
        let mut devices: Vec<_> = all_connections
            .drain(..)
            .enumerate()
            .map(|(number, connections)| device(number, connections, &mut rng))
            .collect();
        session(scenario, &ledger, &mut devices, group).await;
        scenario.tokens.lock().remove(&group);
        all_connections.extend(devices.into_iter().map(|device| device.connections));
    }
}

async fn session(scenario: &ScenarioState, ledger: &Mutex<SessionLedger>, devices: &mut [Device<'_>], group: usize) {
    let Some((first, others)) = devices.split_first_mut() else { return };
    if !begin(scenario, ledger, first).await {
        return abandon(scenario, ledger);
    }
    if let Some(token) = &first.token {
        scenario.tokens.lock().insert(group, token.clone());
    }
    let steps = first.rng.u32(5..40);
    if others.is_empty() {
        if !work_alone(scenario, ledger, first, steps).await {
            return abandon(scenario, ledger);
        }
    } else {
        for other in &mut *others {
            // Like another browser tab, which has the current cookie.
            (other.token, other.logged_in) = (first.token.clone(), true);
        }
        tokio::join!(first.work(steps), work_together(others));
    }
    if ledger.lock().loss_reported || !verify_final_state(scenario, ledger, first).await {
        return;
    }
    if first.rng.u32(..3) == 0 {
        idle_with_copies(first).await;
    }
    end(scenario, ledger, first, others).await;
}

fn abandon(scenario: &ScenarioState, ledger: &Mutex<SessionLedger>) {
    let ledger = ledger.lock();
    if !ledger.loss_reported {
        scenario.tally.abandon(ledger.acked() as u64);
    }
}

/// Starts an anonymous session that then logs in, or logs in at once.
async fn begin(scenario: &ScenarioState, ledger: &Mutex<SessionLedger>, device: &mut Device<'_>) -> bool {
    if device.rng.bool() {
        device.write(Kind::Append).await;
        device.write(Kind::Count).await;
    }
    log_in(scenario, ledger, device).await
}

/// Logs in; the token that the login replaces is dead at once.
async fn log_in(scenario: &ScenarioState, ledger: &Mutex<SessionLedger>, device: &mut Device<'_>) -> bool {
    let (old, started) = (device.token.clone(), Instant::now());
    if !device.login().await {
        return false;
    }
    if let Some(old) = old {
        scenario.dead_tokens.lock().push(DeadToken::new(old, started));
    }
    !ledger.lock().loss_reported
}

async fn work_alone(
    scenario: &ScenarioState,
    ledger: &Mutex<SessionLedger>,
    device: &mut Device<'_>,
    steps: u32,
) -> bool {
    for part in [steps / 2, steps - steps / 2] {
        if device.work(part).await == State::Gone {
            return true;
        }
        if device.rng.u32(..8) == 0 && !log_in(scenario, ledger, device).await {
            return false;
        }
    }
    true
}

/// Compares the values of the session with the ledger, once every acknowledged write must be
/// visible.
async fn verify_final_state(scenario: &ScenarioState, ledger: &Mutex<SessionLedger>, device: &mut Device<'_>) -> bool {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        let connection = device.connections.any(&mut device.rng);
        let answer = connection.ask(HttpRequest::get("/view", device.token.as_deref())).await;
        let view = answer.ok().filter(|answer| answer.status.is_success()).map(|answer| answer.view);
        if let Some(view) = view.as_ref().filter(|view| view.principal.is_some()) {
            let ledger = &mut *ledger.lock();
            if is_complete(ledger, view, device.owner) || asked > began + LEASE {
                device.seen.check_view(scenario, ledger, view, asked, true);
                audit(scenario, ledger, view, device.owner);
                return true;
            }
        } else if view.is_some() && device.read().await == State::Gone {
            // An ordinary read reports a lost session.
            return false;
        }
        if began.elapsed() > LIMIT {
            let owner = device.owner;
            scenario.tally.find(Finding::Odd, || format!("the session of {owner} could not be read for {LIMIT:?}"));
            return false;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Makes every node hold the newest copy, and then idles for a while: if a fault begins meanwhile,
/// only the invalidation of the logout can end these copies in time.
async fn idle_with_copies(device: &mut Device<'_>) {
    for connection in device.connections.each() {
        let answer = connection.ask(HttpRequest::get("/view", device.token.as_deref())).await;
        if let Ok(Some(token)) = answer.map(|answer| answer.token) {
            device.token = Some(token).filter(|token| !token.is_empty());
        }
    }
    tokio::time::sleep(LEASE.mul_f64(device.rng.f64())).await;
}

async fn work_together(devices: &mut [Device<'_>]) {
    join_all(devices.iter_mut().map(|device| async {
        let steps = device.rng.u32(5..40);
        device.work(steps).await;
    }))
    .await;
}

/// Logs out, sometimes while the other clients still work, and makes sure that the session stays
/// ended.
async fn end(
    scenario: &ScenarioState,
    ledger: &Mutex<SessionLedger>,
    first: &mut Device<'_>,
    others: &mut [Device<'_>],
) {
    let Some(token) = first.token.clone() else { return };
    ledger.lock().logout_sent = Some(Instant::now());
    let tokens: Vec<_> = others.iter().filter_map(|other| other.token.clone()).collect();
    let racing = first.rng.bool();
    let dead = if racing {
        tokio::join!(leave(scenario, ledger, first, token), work_together(others)).0
    } else {
        leave(scenario, ledger, first, token).await
    };
    let Some(dead) = dead else { return };
    for token in tokens.into_iter().filter(|token| *token != dead.token) {
        scenario.dead_tokens.lock().push(DeadToken { token, ..dead.clone() });
    }
    scenario.dead_tokens.lock().push(dead);
}

/// Retries the logout until it succeeds, or until the token opens nothing because the server has
/// lost the login that made it, and then asks every node until it refuses the token.
async fn leave(
    scenario: &ScenarioState,
    ledger: &Mutex<SessionLedger>,
    device: &mut Device<'_>,
    token: String,
) -> Option<DeadToken> {
    let began = Instant::now();
    loop {
        let started = Instant::now();
        let answer = device.logout().await;
        match &answer {
            Ok(answer) if answer.status == StatusCode::OK => {
                let dead = DeadToken::new(token, started);
                ledger.lock().ended = Some((started, dead.ended));
                revocation::wait_for_refusal(scenario, &dead, &mut device.connections).await;
                return Some(dead);
            }
            Ok(answer) if answer.status == StatusCode::UNAUTHORIZED && device.has_lost_login() => {
                return Some(DeadToken::new(token, started));
            }
            _ if began.elapsed() > LIMIT => {
                scenario.tally.find(Finding::Odd, || format!("no logout for {LIMIT:?}: {answer:?}"));
                return None;
            }
            _ => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}
