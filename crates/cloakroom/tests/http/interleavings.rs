//! R08, R11, R18: an attacker who knows the token that a victim logs in with, at every moment around it.
//!
//! The same thousand orders in every run: `SEED` names the one that failed. Requests of both are under way at once,
//! and whenever one would wait, dice decide which goes on: between the steps of a handler, before a store acts and
//! before it answers. News between nodes come late, and in some orders the store fails.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::{Clock, Session, SessionError};
use cloakroom_testkit::{FaultRates, FaultyStore, ManualClock, MemoryStore, SeededRandom};
use parking_lot::Mutex;

use crate::support::{APART, Browser, Deployment, Node, Note, perform, recorded, routes};

const ORDERS: u64 = 1000;
/// What the attacker must never see.
const SECRET: &str = "the-secret-of-the-victim";

/// One scene: the processes, the dice, and what each side has got hold of.
#[derive(Clone)]
struct Scene {
    dice: Arc<SeededRandom>,
    deployment: Deployment,
    /// Handles of the nodes' stores, to hold their news back.
    stores: Vec<MemoryStore>,
    nodes: Vec<Node>,
    /// The second node's clock: so far apart from the first one's, or somewhere else at every moment.
    other_clock: ManualClock,
    apart: Option<i64>,
    /// Whether the store fails now and then.
    faulty: bool,
    /// Every token that the attacker was ever given or knew.
    loot: Arc<Mutex<Vec<String>>>,
}

impl Scene {
    fn new(deployment: Deployment, nodes: usize, seed: u64, faulty: bool) -> Self {
        let dice = Arc::new(SeededRandom::new(seed));
        let (other_clock, apart) = (ManualClock::new(), APART.get(seed as usize % (APART.len() + 1)).copied());
        let loot = Arc::default();
        let mut scene = Self { dice, deployment, stores: vec![], nodes: vec![], other_clock, apart, faulty, loot };
        scene.set_other_clock();
        for number in 0..nodes as u64 {
            let clock = if number == 0 { &scene.deployment.clock } else { &scene.other_clock };
            let builder = recorded().clock(clock.clone());
            let builder = match &scene.deployment.store {
                None => builder,
                Some(store) => {
                    let store = store.node();
                    let slow = FaultyStore::new(store.clone());
                    let chances = FaultRates::default().dawdle(70);
                    let chances = if faulty { chances.unavailable(5).lost_reply(10) } else { chances };
                    slow.roll(seed ^ (number << 32), chances);
                    scene.stores.push(store);
                    builder.store(slow)
                }
            };
            scene.nodes.push(Node::with_routes(builder, hesitant(&scene.dice)));
        }
        scene
    }

    fn throw(&self, sides: usize) -> usize {
        (self.dice.next_u64() % sides as u64) as usize
    }

    fn somewhere(&self) -> &Router {
        &self.nodes[self.throw(self.nodes.len())].app
    }

    /// What is about to be asked does not depend on how the question before it fared.
    fn turn_the_world(&self) {
        if let Some(store) = self.stores.get(self.throw(6)) {
            if self.throw(2) == 0 { store.pause_invalidations() } else { store.deliver_invalidations() }
        }
        if self.throw(4) == 0 {
            self.deployment.clock.advance(Duration::from_millis(self.throw(4000) as u64));
        }
        self.set_other_clock();
    }

    fn set_other_clock(&self) {
        // A clock that jumps is never further apart from itself than two nodes may be.
        let apart = self.apart.unwrap_or_else(|| APART[self.throw(APART.len() - 1)]);
        self.other_clock.set(self.deployment.clock.ahead_by(apart).now());
    }

    /// Everything that was held back arrives, and nothing fails any more.
    fn settle(&self) {
        self.stores.iter().for_each(MemoryStore::deliver_invalidations);
    }
}

/// The usual routes, and one for every verb that hesitates before it begins, in its middle and before it answers.
fn hesitant(dice: &Arc<SeededRandom>) -> Router {
    let dice = Arc::clone(dice);
    let slow = async move |session: Session, Path((verb, with)): Path<(String, String)>| {
        hesitate(&dice).await;
        session.get::<Note>().await?;
        hesitate(&dice).await;
        let said = match verb.as_str() {
            "login" => session.login(with.as_str()).await.map(|()| with)?,
            "write" => session.set(Note(with.clone())).await.map(|()| with)?,
            "note" => session.get::<Note>().await?.map_or_else(|| "nothing".to_owned(), |note| note.0.clone()),
            "whoami" => session.principal().await?.map_or_else(|| "nobody".to_owned(), |who| who.as_str().to_owned()),
            verb => perform(&session, verb).await?,
        };
        hesitate(&dice).await;
        Ok::<_, SessionError>(said)
    };
    routes().route("/slow/{verb}/{with}", any(slow))
}

async fn hesitate(dice: &SeededRandom) {
    for _ in 0..dice.next_u64() % 3 {
        let mut waited = false;
        poll_fn(|_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

/// Follows a token around and tries everything with it.
async fn attack(scene: Scene) {
    const ATTEMPTS: [&str; 9] =
        ["whoami/-", "note/-", "whoami/-", "note/-", "write/evil", "renew/-", "destroy/-", "update/-", "login/mallory"];
    for _ in 0..10 {
        let token = {
            let loot = scene.loot.lock();
            // Mostly the one that the victim has as well.
            loot[if scene.throw(3) > 0 { 0 } else { scene.throw(loot.len()) }].clone()
        };
        let attempt = ATTEMPTS[scene.throw(ATTEMPTS.len())];
        let mut browser = Browser::holding(scene.somewhere(), token);
        let reply = browser.post(&format!("/slow/{attempt}")).await;
        let seen = format!("{} {:?}", reply.body, reply.headers);
        assert!(!seen.contains("victim") && !seen.contains(SECRET), "{attempt}: {seen}");
        scene.loot.lock().extend(browser.cookie);
        scene.turn_the_world();
    }
}

/// Logs in with the token that the attacker has planted, works, and maybe logs out.
async fn visit(scene: Scene, planted: String, end: Arc<Mutex<Option<End>>>) {
    let mut browser = Browser::holding(scene.somewhere(), planted);
    let mut tokens = Vec::new();
    let mut go = async |browser: &mut Browser, step: &str| {
        *browser = browser.at(scene.somewhere());
        let reply = browser.post(&format!("/slow/{step}")).await;
        tokens.extend(browser.cookie.clone());
        scene.turn_the_world();
        reply
    };
    go(&mut browser, "note/-").await;
    let mut is_in = false;
    while !is_in {
        is_in = go(&mut browser, "login/victim").await.status == 200;
        assert!(is_in || scene.faulty, "an attacker keeps nobody from logging in");
    }
    let mut written = false;
    for step in ["write/SECRET", "whoami/-", "renew/-", "login/victim", "whoami/-", "write/SECRET"] {
        let reply = go(&mut browser, &step.replace("SECRET", SECRET)).await;
        written |= step.starts_with("write") && reply.status == 200;
        let mine = step != "whoami/-" || reply.body == "victim";
        assert!(scene.faulty || (reply.status == 200 && mine), "{step}: {} {}", reply.status, reply.body);
    }
    let is_out = scene.throw(2) == 0 && go(&mut browser, "destroy/-").await.status == 200;
    *end.lock() = Some(End { browser, tokens, is_out, written });
}

/// How the victim's visit ended.
struct End {
    browser: Browser,
    /// Every token that the victim ever had.
    tokens: Vec<String>,
    is_out: bool,
    written: bool,
}

/// Lets dice decide who goes on, until all are done.
async fn interleave(dice: &SeededRandom, mut actors: Vec<Pin<Box<dyn Future<Output = ()>>>>) {
    while !actors.is_empty() {
        let next = (dice.next_u64() % actors.len() as u64) as usize;
        let step = actors[next].as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if step.is_ready() {
            drop(actors.remove(next));
        }
        // What was spawned goes on as well.
        tokio::task::yield_now().await;
    }
}

async fn play(scene: &Scene) {
    let mut planted = Browser::new(&scene.nodes[0].app);
    while planted.post("/note/planted").await.status != 200 {}
    let token = planted.ticket();
    scene.loot.lock().push(token.clone());
    let end = Arc::new(Mutex::new(None));
    let mut actors: Vec<Pin<Box<dyn Future<Output = ()>>>> =
        vec![Box::pin(visit(scene.clone(), token, Arc::clone(&end)))];
    for _ in 0..=scene.throw(3) {
        actors.push(Box::pin(attack(scene.clone())));
    }
    interleave(&scene.dice, actors).await;
    let end = end.lock().take().expect("the visit is over");
    // First while some nodes have not heard of everything, then when all have.
    let loot = scene.loot.lock().clone();
    nobody_is_the_victim_with(scene, &loot).await;
    scene.settle();
    nobody_is_the_victim_with(scene, &loot).await;
    if end.is_out {
        nobody_is_the_victim_with(scene, &end.tokens).await;
    } else if !scene.faulty {
        let mut browser = end.browser;
        assert_eq!(browser.get("/whoami").await.ok().body, "victim", "nobody else has logged the victim out");
        assert_eq!(browser.get("/note").await.ok().body, SECRET);
        assert!(end.written);
    }
}

/// None of these tokens opens the victim's session, on any node.
async fn nobody_is_the_victim_with(scene: &Scene, tokens: &[String]) {
    for node in &scene.nodes {
        for token in tokens {
            for path in ["/whoami", "/note"] {
                let reply = Browser::holding(&node.app, token).get(path).await;
                assert!(reply.body != "victim" && reply.body != SECRET, "{path} says {}", reply.body);
            }
        }
    }
}

async fn a_thousand_orders(deployment: fn() -> Deployment, nodes: usize, faulty: bool) {
    let only = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in 0..ORDERS {
        if only.is_some_and(|only: u64| only != seed) {
            continue;
        }
        let _teller = Teller(seed);
        play(&Scene::new(deployment(), nodes, seed, faulty)).await;
    }
}

/// Says which order failed.
struct Teller(u64);

impl Drop for Teller {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the order was SEED={}", self.0);
        }
    }
}

#[tokio::test]
async fn r08_a_thousand_interleavings_give_an_attacker_nothing_in_one_process() {
    a_thousand_orders(Deployment::local, 1, false).await;
}

#[tokio::test]
async fn r08_a_thousand_interleavings_give_an_attacker_nothing_on_two_nodes() {
    a_thousand_orders(Deployment::shared, 2, false).await;
}

#[tokio::test]
async fn r11_a_thousand_interleavings_give_an_attacker_nothing_while_the_store_fails() {
    a_thousand_orders(Deployment::shared, 2, true).await;
}
