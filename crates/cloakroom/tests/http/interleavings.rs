//! R08, R11, R18: an attacker who knows the token that a victim logs in with, at every moment
//! around it.
//!
//! Every run uses the same thousand orders; `SEED` selects the one that failed. Requests of both
//! are in flight at once. Whenever one would wait, a seeded random number decides which continues:
//! between the steps of a handler, before a store acts, and before it answers. Invalidations
//! between nodes are delayed, and in some orders the store fails.

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

use crate::support::{Browser, CLOCK_SKEWS, Deployment, Node, Note, perform, recorded, routes};

const ORDERS: u64 = 1000;
/// Text that the attacker must never receive.
const SECRET: &str = "the-secret-of-the-victim";

/// One order: the nodes, the random numbers and the tokens known to the attacker.
#[derive(Clone)]
struct Fixture {
    rng: Arc<SeededRandom>,
    deployment: Deployment,
    /// Handles of the nodes' stores, to delay their invalidations.
    stores: Vec<MemoryStore>,
    nodes: Vec<Node>,
    /// The second node's clock.
    other_clock: ManualClock,
    /// The constant skew of the second node's clock; `None` if its skew changes at random.
    skew: Option<i64>,
    /// `true` if the store fails at times.
    faulty: bool,
    /// Every token that the attacker knows.
    attacker_tokens: Arc<Mutex<Vec<String>>>,
}

impl Fixture {
    fn new(deployment: Deployment, nodes: usize, seed: u64, faulty: bool) -> Self {
        let rng = Arc::new(SeededRandom::new(seed));
        let (other_clock, skew) =
            (ManualClock::new(), CLOCK_SKEWS.get(seed as usize % (CLOCK_SKEWS.len() + 1)).copied());
        let attacker_tokens = Arc::default();
        let mut fixture =
            Self { rng, deployment, stores: vec![], nodes: vec![], other_clock, skew, faulty, attacker_tokens };
        fixture.set_other_clock();
        for number in 0..nodes as u64 {
            let clock = if number == 0 { &fixture.deployment.clock } else { &fixture.other_clock };
            let builder = recorded().clock(clock.clone());
            let builder = match &fixture.deployment.store {
                None => builder,
                Some(store) => {
                    let store = store.node();
                    let slow = FaultyStore::new(store.clone());
                    let rates = FaultRates::default().dawdle(70);
                    let rates = if faulty { rates.unavailable(5).lost_reply(10) } else { rates };
                    slow.roll(seed ^ (number << 32), rates);
                    fixture.stores.push(store);
                    builder.store(slow)
                }
            };
            fixture.nodes.push(Node::with_routes(builder, slow_routes(&fixture.rng)));
        }
        fixture
    }

    fn random_below(&self, bound: usize) -> usize {
        (self.rng.next_u64() % bound as u64) as usize
    }

    fn random_node(&self) -> &Router {
        &self.nodes[self.random_below(self.nodes.len())].app
    }

    /// Changes the conditions for the next request, whatever the outcome of the last one:
    /// invalidations are delayed or delivered, and time passes.
    fn perturb(&self) {
        if let Some(store) = self.stores.get(self.random_below(6)) {
            if self.random_below(2) == 0 { store.pause_invalidations() } else { store.deliver_invalidations() }
        }
        if self.random_below(4) == 0 {
            self.deployment.clock.advance(Duration::from_millis(self.random_below(4000) as u64));
        }
        self.set_other_clock();
    }

    fn set_other_clock(&self) {
        // A clock that jumps never differs from itself by more than two nodes may.
        let skew = self.skew.unwrap_or_else(|| CLOCK_SKEWS[self.random_below(CLOCK_SKEWS.len() - 1)]);
        self.other_clock.set(self.deployment.clock.ahead_by(skew).now());
    }

    /// Delivers all delayed invalidations.
    fn deliver_all_invalidations(&self) {
        self.stores.iter().for_each(MemoryStore::deliver_invalidations);
    }
}

/// The usual routes, and one for every verb that yields at random before, during and after its
/// work.
fn slow_routes(rng: &Arc<SeededRandom>) -> Router {
    let rng = Arc::clone(rng);
    let slow = async move |session: Session, Path((verb, argument)): Path<(String, String)>| {
        yield_at_random(&rng).await;
        session.get::<Note>().await?;
        yield_at_random(&rng).await;
        let body = match verb.as_str() {
            "login" => session.login(argument.as_str()).await.map(|()| argument)?,
            "write" => session.set(Note(argument.clone())).await.map(|()| argument)?,
            "note" => session.get::<Note>().await?.map_or_else(|| "nothing".to_owned(), |note| note.0.clone()),
            "whoami" => session.principal().await?.map_or_else(|| "nobody".to_owned(), |user| user.as_str().to_owned()),
            verb => perform(&session, verb).await?,
        };
        yield_at_random(&rng).await;
        Ok::<_, SessionError>(body)
    };
    routes().route("/slow/{verb}/{argument}", any(slow))
}

async fn yield_at_random(rng: &SeededRandom) {
    for _ in 0..rng.next_u64() % 3 {
        let mut yielded = false;
        poll_fn(|_| if std::mem::replace(&mut yielded, true) { Poll::Ready(()) } else { Poll::Pending }).await;
    }
}

/// Tries everything with the tokens that the attacker knows.
async fn run_attacker(fixture: Fixture) {
    const ATTEMPTS: [&str; 9] =
        ["whoami/-", "note/-", "whoami/-", "note/-", "write/evil", "renew/-", "destroy/-", "update/-", "login/mallory"];
    for _ in 0..10 {
        let token = {
            let attacker_tokens = fixture.attacker_tokens.lock();
            // Mostly the token that the victim logs in with.
            attacker_tokens[if fixture.random_below(3) > 0 { 0 } else { fixture.random_below(attacker_tokens.len()) }]
                .clone()
        };
        let attempt = ATTEMPTS[fixture.random_below(ATTEMPTS.len())];
        let mut browser = Browser::holding(fixture.random_node(), token);
        let reply = browser.post(&format!("/slow/{attempt}")).await;
        let response = format!("{} {:?}", reply.body, reply.headers);
        assert!(!response.contains("victim") && !response.contains(SECRET), "{attempt}: {response}");
        fixture.attacker_tokens.lock().extend(browser.cookie);
        fixture.perturb();
    }
}

/// Logs in with the token that the attacker planted, works, and in some orders logs out.
async fn run_victim(fixture: Fixture, planted: String, result: Arc<Mutex<Option<VictimResult>>>) {
    let mut browser = Browser::holding(fixture.random_node(), planted);
    let mut tokens = Vec::new();
    let mut send = async |browser: &mut Browser, step: &str| {
        *browser = browser.at(fixture.random_node());
        let reply = browser.post(&format!("/slow/{step}")).await;
        tokens.extend(browser.cookie.clone());
        fixture.perturb();
        reply
    };
    send(&mut browser, "note/-").await;
    let mut logged_in = false;
    while !logged_in {
        logged_in = send(&mut browser, "login/victim").await.status == 200;
        assert!(logged_in || fixture.faulty, "the attacker cannot prevent the login");
    }
    let mut written = false;
    for step in ["write/SECRET", "whoami/-", "renew/-", "login/victim", "whoami/-", "write/SECRET"] {
        let reply = send(&mut browser, &step.replace("SECRET", SECRET)).await;
        written |= step.starts_with("write") && reply.status == 200;
        let is_victim = step != "whoami/-" || reply.body == "victim";
        assert!(fixture.faulty || (reply.status == 200 && is_victim), "{step}: {} {}", reply.status, reply.body);
    }
    let logged_out = fixture.random_below(2) == 0 && send(&mut browser, "destroy/-").await.status == 200;
    *result.lock() = Some(VictimResult { browser, tokens, logged_out, written });
}

/// The state of the victim at the end.
struct VictimResult {
    browser: Browser,
    /// Every token that the victim had.
    tokens: Vec<String>,
    logged_out: bool,
    written: bool,
}

/// Polls the clients in random order until all are done.
async fn interleave(rng: &SeededRandom, mut clients: Vec<Pin<Box<dyn Future<Output = ()>>>>) {
    while !clients.is_empty() {
        let next = (rng.next_u64() % clients.len() as u64) as usize;
        let step = clients[next].as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if step.is_ready() {
            drop(clients.remove(next));
        }
        // Spawned tasks continue too.
        tokio::task::yield_now().await;
    }
}

async fn run_order(fixture: &Fixture) {
    let mut planted = Browser::new(&fixture.nodes[0].app);
    while planted.post("/note/planted").await.status != 200 {}
    let token = planted.bare_token();
    fixture.attacker_tokens.lock().push(token.clone());
    let result = Arc::new(Mutex::new(None));
    let mut clients: Vec<Pin<Box<dyn Future<Output = ()>>>> =
        vec![Box::pin(run_victim(fixture.clone(), token, Arc::clone(&result)))];
    for _ in 0..=fixture.random_below(3) {
        clients.push(Box::pin(run_attacker(fixture.clone())));
    }
    interleave(&fixture.rng, clients).await;
    let result = result.lock().take().expect("the victim has finished");
    // First while some nodes lack invalidations, then when all have them.
    let attacker_tokens = fixture.attacker_tokens.lock().clone();
    assert_tokens_do_not_open_the_victims_session(fixture, &attacker_tokens).await;
    fixture.deliver_all_invalidations();
    assert_tokens_do_not_open_the_victims_session(fixture, &attacker_tokens).await;
    if result.logged_out {
        assert_tokens_do_not_open_the_victims_session(fixture, &result.tokens).await;
    } else if !fixture.faulty {
        let mut browser = result.browser;
        assert_eq!(browser.get("/whoami").await.ok().body, "victim", "the attacker has not logged the victim out");
        assert_eq!(browser.get("/note").await.ok().body, SECRET);
        assert!(result.written);
    }
}

/// Asserts that none of these tokens opens the victim's session on any node.
async fn assert_tokens_do_not_open_the_victims_session(fixture: &Fixture, tokens: &[String]) {
    for node in &fixture.nodes {
        for token in tokens {
            for path in ["/whoami", "/note"] {
                let reply = Browser::holding(&node.app, token).get(path).await;
                assert!(reply.body != "victim" && reply.body != SECRET, "{path} returned {}", reply.body);
            }
        }
    }
}

async fn run_all_orders(deployment: fn() -> Deployment, nodes: usize, faulty: bool) {
    let only = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in 0..ORDERS {
        if only.is_some_and(|only: u64| only != seed) {
            continue;
        }
        let _print_seed = PrintSeedOnPanic(seed);
        run_order(&Fixture::new(deployment(), nodes, seed, faulty)).await;
    }
}

/// Prints the seed of the order if the test panics.
struct PrintSeedOnPanic(u64);

impl Drop for PrintSeedOnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("to repeat this order: SEED={}", self.0);
        }
    }
}

#[tokio::test]
async fn r08_a_thousand_interleavings_give_an_attacker_nothing_in_one_process() {
    run_all_orders(Deployment::local, 1, false).await;
}

#[tokio::test]
async fn r08_a_thousand_interleavings_give_an_attacker_nothing_on_two_nodes() {
    run_all_orders(Deployment::shared, 2, false).await;
}

#[tokio::test]
async fn r11_a_thousand_interleavings_give_an_attacker_nothing_while_the_store_fails() {
    run_all_orders(Deployment::shared, 2, true).await;
}
