use crate::load::LoadResult;
use crate::measure::Spread;
use crate::report::{Chart, Section, single, value};
use crate::stores::StoreKind;
use crate::targets::Target;

use super::comparison::{CASES, Case, READ_RATE};
use super::deployment::{Deployment, NODES};
use super::round_trips::RoundTrips;

const SUMMARY_NOTE: &str = "Requests per second at saturation against bare axum on as many nodes; per update, the round \
    trips to the store that it waits for, and Redis commands or PostgreSQL statements; median latencies of one update at a \
    time, of 2000 reads and of 500 updates a second; and acknowledged updates that were lost in all runs. Reads and \
    updates are of any of 1000 sessions, sent to random nodes.";
const REQUESTS_NOTE: &str = "Loopback HTTP/1.1, 64 clients over open connections, each request to a random node, with the \
    session's cookie and three others. At saturation a client sends its next request as soon as it has its response; \
    \"of bare\" is against bare axum on as many nodes in the same run. One at a time, only one client does. At a fixed rate \
    requests are due at random times, and a latency counts from when its request was due. Commands are those that requests \
    send to Redis, without lease probes, and all statements of PostgreSQL, with notifications and polls.";
const ROUND_TRIPS_NOTE: &str = "The median request of one client to one node, whose store answers 50 ms late: its latency \
    in units of that delay.";
const UPDATES_NOTE: &str = "After the last run the counter of each session is read from every node. \"Lost\" updates \
    were acknowledged and are missing from the highest counter; \"stale\" counts the nodes with a lower counter than the \
    highest. Parallel requests of one session are rare here: 64 at a time among 1000 sessions.";

/// Cloakroom over each store, and the targets with which it is compared.
const COMPARED: [(Target, &[Target]); 3] = [
    (Target::Sqlite, &[Target::Memory, Target::TowerSqlite, Target::TowerSqliteWal]),
    (Target::Postgres, &[Target::Memory, Target::TowerPostgres]),
    (Target::Redis, &[Target::TowerRedis, Target::TowerCached, Target::AxumRedis]),
];

pub(super) fn sections(deployments: &[Deployment], waits: &[RoundTrips], versions: &str) -> Vec<Section> {
    vec![summary(deployments, waits), requests(deployments, versions), round_trips(waits), updates(deployments)]
}

fn summary(deployments: &[Deployment], waits: &[RoundTrips]) -> Section {
    let columns = [
        "server",
        "nodes",
        "reads of bare",
        "updates of bare",
        "round trips",
        "commands",
        "one update µs",
        "read p50 / p99 µs",
        "update p50 / p99 µs",
        "lost updates",
    ];
    let mut section = Section::new("Over HTTP", SUMMARY_NOTE, columns).on_page();
    let [read, update, paced_read, paced_update, update_alone] = [1, 2, 3, 4, 5];
    for deployment in deployments {
        let (target, nodes) = (deployment.target, deployment.nodes.len());
        let bare = find(deployments, Target::Bare, nodes).filter(|_| target.has_sessions());
        let of_bare = |case| bare.map_or_else(|| "–".to_owned(), |bare| deployment.rate_ratio(bare, case).to_string());
        let latency = |case| {
            let [p50, p99, _] = deployment.latencies(case).map(Spread::without_range);
            format!("{p50} / {p99}")
        };
        let waits = waits.iter().find(|waits| waits.target == target && nodes == 1);
        let [alone, ..] = deployment.latencies(update_alone).map(Spread::without_range);
        section.row([
            target.label().to_owned(),
            nodes.to_string(),
            of_bare(read),
            of_bare(update),
            waits.map_or_else(|| "–".to_owned(), |waits| waits.update.to_string()),
            commands(deployment, update),
            if nodes == 1 { alone.to_string() } else { "–".to_owned() },
            latency(paced_read),
            latency(paced_update),
            if target.has_sessions() { deployment.updates.lost.to_string() } else { "–".to_owned() },
        ]);
    }
    section
}

/// Returns the commands or statements per request, or a dash for a target without a server.
fn commands(deployment: &Deployment, case: usize) -> String {
    match deployment.target.store() {
        Some(StoreKind::Redis | StoreKind::Postgres) => {
            format!("{:.3}", Spread::of(deployment.commands[case].iter().copied()).median)
        }
        Some(StoreKind::Sqlite) | None => "–".to_owned(),
    }
}

fn requests(deployments: &[Deployment], versions: &str) -> Section {
    let note = format!("{REQUESTS_NOTE} Versions: {versions}.");
    let columns =
        ["request", "nodes", "server", "requests/s", "of bare", "p50 µs", "p99 µs", "p99.9 µs", "commands per request"];
    let mut section = Section::new("Requests over HTTP", &note, columns);
    let mut rates = Chart::new("http", "Requests per second, one node", "any of 1000 sessions, at saturation");
    let title = format!("Latency of {READ_RATE} reads a second, one node");
    let mut latencies = Chart::new("http-latency", &title, "µs, counted from when the request was due");
    for (index, case) in CASES.iter().enumerate() {
        for deployment in deployments.iter().filter(|deployment| !deployment.results[index].is_empty()) {
            add_row(&mut section, deployments, deployment, index);
            if deployment.nodes.len() == 1 {
                let label = deployment.target.label();
                match case.key {
                    "read" | "update" => rates.bar(label, case.key, deployment.spread(index, LoadResult::rate)),
                    "paced-read" => {
                        let [p50, p99, _] = deployment.latencies(index);
                        latencies.bar(label, "p50", p50);
                        latencies.bar(label, "p99", p99);
                    }
                    _ => {}
                }
            }
        }
        for nodes in NODES {
            add_comparisons(&mut section, deployments, index, nodes);
        }
    }
    section.charts.extend([rates, latencies]);
    section
}

fn add_row(section: &mut Section, deployments: &[Deployment], deployment: &Deployment, index: usize) {
    let (target, nodes, case) = (deployment.target, deployment.nodes.len(), &CASES[index]);
    let bare = find(deployments, Target::Bare, nodes).filter(|_| target.has_sessions() && case.is_saturated());
    let of_bare = value("of-bare", "×", bare.map_or(Spread::of([]), |bare| deployment.rate_ratio(bare, index)));
    let [p50, p99, p999] = deployment.latencies(index);
    let values = [
        value("rate", "per-second", deployment.spread(index, LoadResult::rate)),
        if bare.is_some() { of_bare } else { of_bare.with_text("–") },
        value("p50", "µs", p50),
        value("p99", "µs", p99),
        value("p99.9", "µs", p999),
        value("commands", "", Spread::of(deployment.commands[index].iter().copied()))
            .with_text(commands(deployment, index)),
    ];
    let key = key(case, nodes, target);
    section.measured_row(&[&case.describe(), &nodes.to_string(), target.label()], &key, values);
    let micros = |of: &[f64]| Spread::of(of.iter().copied());
    if case.is_saturated() && !deployment.node_micros[index].is_empty() {
        let node = micros(&deployment.node_micros[index]);
        section.figure(format!("{key}/node-micros"), "µs", node);
        section.figure(format!("{key}/store-micros"), "µs", micros(&deployment.store_micros[index]));
        if let Some(bare) = bare {
            let beyond = node.median - micros(&bare.node_micros[index]).median;
            section.figure(format!("{key}/node-micros-beyond-bare"), "µs", Spread::once(beyond));
        }
    }
}

/// Adds the throughput and the latency of Cloakroom against what it is compared with.
fn add_comparisons(section: &mut Section, deployments: &[Deployment], index: usize, nodes: usize) {
    for (target, others) in COMPARED {
        let Some(cloakroom) = find(deployments, target, nodes) else { continue };
        let key = key(&CASES[index], nodes, target);
        for other in others.iter().filter_map(|other| find(deployments, *other, nodes)) {
            // JSON has no NaN, which is the spread of nothing.
            if !cloakroom.results[index].is_empty() {
                let name = other.target.key();
                section.figure(format!("{key}/of-{name}"), "×", cloakroom.rate_ratio(other, index));
                section.figure(format!("{key}/over-{name}"), "µs", cloakroom.difference(other, index));
            }
        }
    }
}

fn round_trips(counted: &[RoundTrips]) -> Section {
    let mut section = Section::new("Round trips", ROUND_TRIPS_NOTE, ["server", "read", "update"]);
    for RoundTrips { target, read, update } in counted {
        let key = format!("http/round-trips/{}", target.key());
        section.measured_row(&[target.label()], &key, [single("read", "", *read), single("update", "", *update)]);
    }
    section
}

fn updates(deployments: &[Deployment]) -> Section {
    let columns = ["nodes", "server", "acknowledged updates", "lost", "stale counters", "failed requests"];
    let mut section = Section::new("Lost updates", UPDATES_NOTE, columns);
    for deployment in deployments.iter().filter(|deployment| deployment.target.has_sessions()) {
        let (nodes, target, updates) = (deployment.nodes.len(), deployment.target, deployment.updates);
        let failed: u64 = deployment.results.iter().flatten().map(|result| result.failed).sum();
        let values = [
            single("acknowledged", "", updates.acknowledged as f64),
            single("lost", "", updates.lost as f64),
            single("stale", "", updates.stale as f64),
            single("failed", "", failed as f64),
        ];
        let key = format!("http/updates/{nodes}/{}", target.key());
        section.measured_row(&[&nodes.to_string(), target.label()], &key, values);
    }
    section
}

fn find(deployments: &[Deployment], target: Target, nodes: usize) -> Option<&Deployment> {
    deployments.iter().find(|deployment| deployment.target == target && deployment.nodes.len() == nodes)
}

fn key(case: &Case, nodes: usize, target: Target) -> String {
    format!("http/{}/{nodes}/{}", case.key, target.key())
}
