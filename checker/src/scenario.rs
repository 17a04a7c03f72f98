//! Runs the faults and collects one report row for each.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cloakroom_testbed::{Cluster, Server};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::signal::unix::{SignalKind, signal};

use crate::Error;
use crate::args::RunArgs;
use crate::client;
use crate::environment::{Environment, play, postgres};
use crate::fault::{Fault, Setup};
use crate::report::{Report, Row};
use crate::state::ScenarioState;

/// How long clients go on after the last fault at most.
const LONGEST_EXTENSION: Duration = Duration::from_secs(30);

/// Like [`run`], but ends cleanly on SIGINT and SIGTERM: dropping everything stops the child
/// processes.
pub(crate) async fn run_until_signal(args: &RunArgs) -> Result<ExitCode, Error> {
    let mut terminated = signal(SignalKind::terminate())?;
    let mut interrupted = signal(SignalKind::interrupt())?;
    tokio::select! {
        outcome = run(args) => outcome,
        _ = terminated.recv() => Ok(ExitCode::from(143)),
        _ = interrupted.recv() => Ok(ExitCode::from(130)),
    }
}

async fn run(args: &RunArgs) -> Result<ExitCode, Error> {
    let began = Instant::now();
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..));
    writeln!(std::io::stdout(), "seed {seed}")?;
    let runner = Runner { args, seed, cluster: tokio::sync::Mutex::default() };
    let played = stream::iter(args.faults()?).map(|fault| runner.play(fault)).buffered(args.at_once());
    let rows: Vec<Row> = played.try_collect().await?;
    let report = Report {
        seed,
        clients: args.clients,
        server: if args.postgres { postgres::version().await? } else { version().await? },
        seconds: began.elapsed().as_secs(),
        held: rows.iter().all(|row| row.held),
        rows,
    };
    write!(std::io::stdout(), "\n{report}")?;
    if let Some(path) = &args.json {
        std::fs::write(path, serde_json::to_string_pretty(&report)?)?;
    }
    Ok(ExitCode::from(u8::from(!report.held)))
}

struct Runner<'a> {
    args: &'a RunArgs,
    seed: u64,
    /// Started when the first fault needs it, and used by one fault at a time.
    cluster: tokio::sync::Mutex<Option<Cluster>>,
}

impl Runner<'_> {
    async fn play(&self, fault: Fault) -> Result<Row, Error> {
        match fault.setup(self.args.postgres) {
            Setup::Server => {
                progress(&format!("{fault}: starting one server and its nodes"));
                self.play_on(fault, &Environment::on_a_server(self.args).await?).await
            }
            Setup::Sentinels => {
                progress(&format!("{fault}: starting sentinels, their servers and nodes"));
                self.play_on(fault, &Environment::on_sentinels(self.args).await?).await
            }
            Setup::Postgres => {
                progress(&format!("{fault}: starting PostgreSQL and its nodes"));
                self.play_on(fault, &Environment::on_postgres(self.args).await?).await
            }
            Setup::Cluster | Setup::ClusterThroughProxies => self.play_on_the_cluster(fault).await,
        }
    }

    async fn play_on_the_cluster(&self, fault: Fault) -> Result<Row, Error> {
        let mut cluster = self.cluster.lock().await;
        if cluster.is_none() {
            progress(&format!("{fault}: starting a cluster"));
            *cluster = Some(Cluster::start(3, 1).await?);
        }
        let Some(cluster) = &*cluster else { return Err("there is no cluster".into()) };
        progress(&format!("{fault}: starting nodes"));
        let environment = match fault.setup(false) {
            Setup::ClusterThroughProxies => {
                Environment::on_a_cluster_through_proxies(cluster, fault, self.args).await?
            }
            _ => Environment::on_a_cluster(cluster, fault, self.args).await?,
        };
        self.play_on(fault, &environment).await
    }

    async fn play_on(&self, fault: Fault, environment: &Environment<'_>) -> Result<Row, Error> {
        let scenario = ScenarioState::new(environment.nodes(), fault.aborted_percent());
        let mut rng = fastrand::Rng::with_seed(self.seed ^ (fault as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let groups = groups(usize::from(self.args.clients), self.args.per_session.map(usize::from));
        let running = groups
            .iter()
            .enumerate()
            .map(|(group, devices)| client::run_sessions(&scenario, group, *devices, rng.fork()));
        let running = join_all(running.collect::<Vec<_>>());
        let end = Instant::now() + self.args.length();
        let playing = async {
            let times = play(fault, environment, &scenario, end).await;
            until_enough_happened(&scenario).await;
            scenario.stop();
            times
        };
        let retrying = client::retry_dead_tokens(&scenario, fastrand::Rng::with_seed(self.seed));
        let ((), times, _, ()) = tokio::join!(retrying, playing, running, show_progress(fault, &scenario, end));
        client::check_all(&scenario).await;
        let times = times?;
        client::check_rollbacks(&scenario, self.args.clients.into()).await;
        Ok(Row::new(fault, times, &scenario.tally))
    }
}

/// Clients go on until their work proves something: they do little during an outage, and little on a
/// busy machine.
async fn until_enough_happened(scenario: &ScenarioState) {
    let end = Instant::now() + LONGEST_EXTENSION;
    while !scenario.tally.proves_something() && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The number of clients of each session; by default every other session has two.
fn groups(clients: usize, per_session: Option<usize>) -> Vec<usize> {
    let mut groups = Vec::new();
    let mut left = clients;
    while left > 0 {
        let devices = left.min(per_session.unwrap_or(1 + groups.len() % 2));
        groups.push(devices);
        left -= devices;
    }
    groups
}

async fn show_progress(fault: Fault, scenario: &ScenarioState, end: Instant) {
    let began = Instant::now();
    let pause = if std::io::stderr().is_terminal() { 1 } else { 10 };
    let mut shown = Instant::now();
    while !scenario.is_stopped() {
        tokio::time::sleep(Duration::from_millis(100)).await;
        if shown.elapsed() >= Duration::from_secs(pause) {
            shown = Instant::now();
            let (passed, whole) = (began.elapsed().as_secs(), (end - began).as_secs());
            progress(&format!("{fault}: {passed} of about {whole} s, {} acknowledged writes", scenario.tally.acked()));
        }
    }
}

fn progress(line: &str) {
    // Progress is optional, so a failed write is ignored.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// The name and version that the servers under test report.
async fn version() -> Result<String, Error> {
    let server = Server::start().await?.info("server").await?;
    let field = |name: &str| server.get(name).map_or("?", String::as_str).to_owned();
    Ok(match server.get("valkey_version") {
        Some(version) => format!("Valkey {version}"),
        None => format!("Redis {}", field("redis_version")),
    })
}
