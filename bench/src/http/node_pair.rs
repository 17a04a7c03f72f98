//! Two nodes in this process over one store, called without a network: the latency of a hit, a miss
//! and an update, and the time until one node sees a change made on the other.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::header::{COOKIE, SET_COOKIE};
use axum::response::Response;
use tower::Service;

use crate::Result;
use crate::args::Options;
use crate::fixtures::{CookieJar, Endpoint, OTHER_COOKIES};
use crate::measure::{Latencies, Spread};
use crate::report::{Section, single, start_step, value};
use crate::stores::{Store, Stores};
use crate::targets::{self, IDLE_TIMEOUT, Target, TargetConfig};

const LATENCY_NOTE: &str = "Two nodes in one process over one store, one request at a time, `Service::call` to the \
    head of the response, on a worker of the runtime. \"Hit\" and \"update\" are on the node that started the session, \
    \"miss\" is the first request for it on the other node. `tower-sessions` over Redis keeps nothing in memory, so its \
    hit is a miss. Commands are counted as in \"Requests over HTTP\".";
const VISIBILITY_NOTE: &str = "Two nodes in one process over one store, which both have the session in memory if they \
    keep any. One node acknowledges an update; then the other is called in a loop with the cookie from before the \
    update. Times are from the acknowledgement to the first response with the new value.";

const READ: Endpoint = Endpoint::get("/cart");
const READ_COUNTER: Endpoint = Endpoint::get("/count");
const UPDATE: Endpoint = Endpoint::post("/count");
/// After this time a change counts as unseen.
const VISIBILITY_LIMIT: Duration = Duration::from_secs(2);
const MAX_BODY: usize = 1024;

/// A node that is called without a network.
#[derive(Clone)]
struct Node(Router);

struct NodePair {
    target: Target,
    first: Node,
    second: Node,
}

struct Reply {
    /// From `Service::call` to the head of the response.
    took: Duration,
    cookies: CookieJar,
    number: u64,
}

pub(super) async fn run(targets: &[Target], stores: &Stores, options: &Options) -> Result<Vec<Section>> {
    let columns = ["server", "request", "p50 µs", "p99 µs", "commands per request"];
    let mut latency = Section::new("Latency inside a node", LATENCY_NOTE, columns);
    let columns = ["server", "changes", "seen", "p50 µs", "p99 µs"];
    let mut visibility = Section::new("Time until another node sees a change", VISIBILITY_NOTE, columns);
    // Another program cannot be called without a network.
    let in_this_process = |target: &Target| target.is_shared() && !target.is_sqlx_peer();
    for target in targets.iter().copied().filter(in_this_process) {
        start_step(&format!("{}: latency and visibility between two nodes", target.label()));
        let store = stores.of(target).ok_or("a shared target without a store")?;
        let (url, namespace) = (store.url(target.key()), "bench_pair".to_owned());
        let config = TargetConfig { target, store: url, namespace, idle_timeout: IDLE_TIMEOUT };
        let (first, second) = (targets::build(config.clone()).await?, targets::build(config).await?);
        let pair = NodePair { target, first: Node(first), second: Node(second) };
        measure_latency(&mut latency, &pair, store, options).await?;
        measure_visibility(&mut visibility, &pair, options).await?;
    }
    Ok(vec![latency, visibility])
}

impl Node {
    async fn call(&mut self, endpoint: Endpoint, cookie: &str) -> Result<Reply> {
        let separator = if cookie.is_empty() { "" } else { "; " };
        let request = Request::builder().method(endpoint.method).uri(endpoint.path);
        let request = request.header(COOKIE, format!("{OTHER_COOKIES}{separator}{cookie}")).body(Body::empty())?;
        let began = Instant::now();
        let response: Result<Response, Infallible> = self.0.call(request).await;
        let took = began.elapsed();
        let Ok(response) = response;
        if !response.status().is_success() {
            return Err(format!("{}: status {}", endpoint.path, response.status()).into());
        }
        let mut cookies = CookieJar::default();
        let sets = response.headers().get_all(SET_COOKIE).iter().filter_map(|set| set.to_str().ok());
        sets.for_each(|set| cookies.apply(set));
        let number = std::str::from_utf8(&to_bytes(response.into_body(), MAX_BODY).await?)?.parse()?;
        Ok(Reply { took, cookies, number })
    }

    /// Starts a session and returns its cookie.
    async fn start_session(&mut self) -> Result<String> {
        let reply = self.call(Endpoint::post("/start"), "").await?;
        match reply.cookies.is_empty() {
            true => Err("a session was started without a cookie".into()),
            false => Ok(reply.cookies.header().to_owned()),
        }
    }
}

async fn measure_latency(section: &mut Section, pair: &NodePair, store: &Store, options: &Options) -> Result<()> {
    let kinds = [
        ("hit", &pair.first, READ, options.size(20, 2)),
        ("miss", &pair.second, READ, 1),
        ("update", &pair.first, UPDATE, 2),
    ];
    // By kind, then by run: p50, p99, commands.
    let mut samples: [Vec<[f64; 3]>; 3] = Default::default();
    // The first run warms up and is dropped.
    for run in 0..=options.runs() {
        let mut cookies = Vec::new();
        for _ in 0..options.size(1000, 50) {
            cookies.push(pair.first.clone().start_session().await?);
        }
        for (samples, (_, node, endpoint, rounds)) in samples.iter_mut().zip(kinds) {
            let before = store.operations(pair.target).await?;
            let latencies = tokio::spawn(time_calls(node.clone(), endpoint, cookies.clone(), rounds)).await??;
            let commands = store.operations(pair.target).await? - before;
            let per_request = commands as f64 / latencies.count() as f64;
            if run > 0 {
                samples.push([latencies.quantile_micros(0.5), latencies.quantile_micros(0.99), per_request]);
            }
        }
    }
    for ((kind, ..), samples) in kinds.into_iter().zip(samples) {
        let [p50, p99, commands] = Spread::of_each(&samples);
        let values = [value("p50", "µs", p50), value("p99", "µs", p99), value("commands", "", commands)];
        let key = format!("http/pair/{}/{kind}", pair.target.key());
        section.measured_row(&[pair.target.label(), kind], &key, values);
    }
    Ok(())
}

async fn time_calls(mut node: Node, endpoint: Endpoint, cookies: Vec<String>, rounds: usize) -> Result<Latencies> {
    let mut latencies = Latencies::new()?;
    for _ in 0..rounds {
        for cookie in &cookies {
            latencies.record(node.call(endpoint, cookie).await?.took);
        }
    }
    Ok(latencies)
}

async fn measure_visibility(section: &mut Section, pair: &NodePair, options: &Options) -> Result<()> {
    let changes = options.size(1000, 20);
    let (mut made, mut seen, mut samples) = (0, 0, Vec::new());
    for run in 0..=options.runs() {
        let (changes, latencies) = tokio::spawn(watch(pair.first.clone(), pair.second.clone(), changes)).await??;
        if run > 0 {
            made += changes;
            seen += latencies.count();
            samples.push([latencies.quantile_micros(0.5), latencies.quantile_micros(0.99)]);
        }
    }
    if pair.target.is_cloakroom() && seen < made {
        return Err(format!("the second node saw {seen} of {made} changes within {VISIBILITY_LIMIT:?}").into());
    }
    let [p50, p99] = Spread::of_each(&samples);
    let unseen = format!("not within {} s", VISIBILITY_LIMIT.as_secs());
    let times = [value("p50", "µs", p50), value("p99", "µs", p99)];
    let times = times.map(|time| if seen == 0 { time.with_text(&unseen) } else { time });
    let values = [single("changes", "", made as f64), single("seen", "", seen as f64)].into_iter().chain(times);
    section.measured_row(&[pair.target.label()], &format!("http/visibility/{}", pair.target.key()), values);
    Ok(())
}

/// Returns the number of changes made and the time until each was seen. Stops at the first that is
/// not.
async fn watch(mut first: Node, mut second: Node, changes: usize) -> Result<(u64, Latencies)> {
    let (mut made, mut latencies) = (0, Latencies::new()?);
    for _ in 0..changes.div_ceil(10) {
        let cookie = first.start_session().await?;
        second.call(READ_COUNTER, &cookie).await?;
        for _ in 0..10 {
            let number = first.call(UPDATE, &cookie).await?.number;
            made += 1;
            match time_until_seen(&mut second, &cookie, number).await? {
                Some(took) => latencies.record(took),
                None => return Ok((made, latencies)),
            }
        }
    }
    Ok((made, latencies))
}

async fn time_until_seen(node: &mut Node, cookie: &str, number: u64) -> Result<Option<Duration>> {
    let began = Instant::now();
    while began.elapsed() < VISIBILITY_LIMIT {
        if node.call(READ_COUNTER, cookie).await?.number >= number {
            return Ok(Some(began.elapsed()));
        }
        // Lets the worker process the invalidation, as it can between two requests.
        tokio::task::yield_now().await;
    }
    Ok(None)
}
