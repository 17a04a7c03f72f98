//! The life of a session: from the first request of its clients to the last proof that it is over.

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use parking_lot::Mutex;

use super::device::{Device, Kind, State};
use super::http::{Connections, HttpRequest};
use super::revocation::{self, DeadToken};
use crate::ledger::{ClientHistory, Ledger, audit, is_complete};
use crate::report::Finding;
use crate::state::{LEASE, ScenarioState};

/// How long an answer is waited for while faults come and go.
const LIMIT: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(20);

/// One session after another, of one client or of several that share it, until the world stops.
pub(crate) async fn live(world: &ScenarioState, group: usize, devices: usize, mut rng: fastrand::Rng) {
    let mut wires: Vec<_> = (0..devices).map(|_| Connections::new(&world.nodes)).collect();
    while !world.is_stopped() {
        let books = Mutex::new(Ledger::default());
        let owner = world.serial();
        let device = |number: usize, wire: Connections, rng: &mut fastrand::Rng| Device {
            world,
            books: &books,
            owner,
            number,
            token: None,
            wire,
            rng: rng.fork(),
            seen: ClientHistory::new(number, owner),
            logged_in: false,
        };
        let mut devices: Vec<_> =
            wires.drain(..).enumerate().map(|(number, wire)| device(number, wire, &mut rng)).collect();
        session(world, &books, &mut devices, group).await;
        world.tokens.lock().remove(&group);
        wires.extend(devices.into_iter().map(|device| device.wire));
    }
}

async fn session(world: &ScenarioState, books: &Mutex<Ledger>, devices: &mut [Device<'_>], group: usize) {
    let Some((first, others)) = devices.split_first_mut() else { return };
    if !begin(world, books, first).await {
        return abandon(world, books);
    }
    if let Some(token) = &first.token {
        world.tokens.lock().insert(group, token.clone());
    }
    let steps = first.rng.u32(5..40);
    if others.is_empty() {
        if !alone(world, books, first, steps).await {
            return abandon(world, books);
        }
    } else {
        for other in &mut *others {
            // Another tab, with the cookie as it is now.
            (other.token, other.logged_in) = (first.token.clone(), true);
        }
        tokio::join!(first.work(steps), work_together(others));
    }
    if books.lock().given_up || !reckon(world, books, first).await {
        return;
    }
    if first.rng.u32(..3) == 0 {
        linger(first).await;
    }
    end(world, books, first, others).await;
}

fn abandon(world: &ScenarioState, books: &Mutex<Ledger>) {
    let books = books.lock();
    if !books.given_up {
        world.tally.abandon(books.acked() as u64);
    }
}

/// An anonymous session that becomes a logged-in one, or one that is logged in from the start.
async fn begin(world: &ScenarioState, books: &Mutex<Ledger>, device: &mut Device<'_>) -> bool {
    if device.rng.bool() {
        device.write(Kind::Append).await;
        device.write(Kind::Count).await;
    }
    log_in(world, books, device).await
}

/// The token that a login replaces is dead at once.
async fn log_in(world: &ScenarioState, books: &Mutex<Ledger>, device: &mut Device<'_>) -> bool {
    let (old, started) = (device.token.clone(), Instant::now());
    if !device.login().await {
        return false;
    }
    if let Some(old) = old {
        world.dead_tokens.lock().push(DeadToken::new(old, started));
    }
    !books.lock().given_up
}

async fn alone(world: &ScenarioState, books: &Mutex<Ledger>, device: &mut Device<'_>, steps: u32) -> bool {
    for part in [steps / 2, steps - steps / 2] {
        if device.work(part).await == State::Gone {
            return true;
        }
        if device.rng.u32(..8) == 0 && !log_in(world, books, device).await {
            return false;
        }
    }
    true
}

/// Compares what is there with the books, once everything that was acknowledged may be expected to be seen.
async fn reckon(world: &ScenarioState, books: &Mutex<Ledger>, device: &mut Device<'_>) -> bool {
    let began = Instant::now();
    loop {
        let asked = Instant::now();
        let line = device.wire.any(&mut device.rng);
        let answer = line.ask(HttpRequest::get("/view", device.token.as_deref())).await;
        let view = answer.ok().filter(|answer| answer.status.is_success()).map(|answer| answer.view);
        if let Some(view) = view.as_ref().filter(|view| view.principal.is_some()) {
            let books = &mut *books.lock();
            if is_complete(books, view, device.owner) || asked > began + LEASE {
                device.seen.take_in(world, books, view, asked, true);
                audit(world, books, view, device.owner);
                return true;
            }
        } else if view.is_some() && device.read().await == State::Gone {
            // The ordinary way of reading knows what a lost session means.
            return false;
        }
        if began.elapsed() > LIMIT {
            let owner = device.owner;
            world.tally.find(Finding::Odd, || format!("the session of {owner} could not be read for {LIMIT:?}"));
            return false;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Has every node keep the newest copy and then does nothing for a while: a fault that begins
/// meanwhile finds copies that nothing but the news of the logout can end in time.
async fn linger(device: &mut Device<'_>) {
    for line in device.wire.each() {
        let answer = line.ask(HttpRequest::get("/view", device.token.as_deref())).await;
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

/// Logs out, here and there while the other clients still work, and sees to it that it stays so.
async fn end(world: &ScenarioState, books: &Mutex<Ledger>, first: &mut Device<'_>, others: &mut [Device<'_>]) {
    let Some(token) = first.token.clone() else { return };
    books.lock().leaving = Some(Instant::now());
    let tokens: Vec<_> = others.iter().filter_map(|other| other.token.clone()).collect();
    let racing = first.rng.bool();
    let dead = if racing {
        tokio::join!(leave(world, books, first, token), work_together(others)).0
    } else {
        leave(world, books, first, token).await
    };
    let Some(dead) = dead else { return };
    for token in tokens.into_iter().filter(|token| *token != dead.token) {
        world.dead_tokens.lock().push(DeadToken { token, ..dead.clone() });
    }
    world.dead_tokens.lock().push(dead);
}

/// Logs out however often it takes, and then asks every node until it refuses.
async fn leave(
    world: &ScenarioState,
    books: &Mutex<Ledger>,
    device: &mut Device<'_>,
    token: String,
) -> Option<DeadToken> {
    let began = Instant::now();
    while began.elapsed() < LIMIT {
        let started = Instant::now();
        if device.logout().await {
            let dead = DeadToken::new(token, started);
            books.lock().ended = Some((started, dead.ended));
            revocation::attend(world, &dead, &mut device.wire).await;
            return Some(dead);
        }
        tokio::time::sleep(PAUSE).await;
    }
    world.tally.find(Finding::Odd, || format!("no logout for {LIMIT:?}"));
    None
}
