use crate::load::LoadResult;
use crate::measure::Spread;
use crate::report::{Chart, Section, single, value};
use crate::targets::Target;

use super::comparison::{CASES, Case, RATE};
use super::deployment::{Deployment, NODES};

const SUMMARY_NOTE: &str = "Requests per second at saturation against bare axum on as many nodes, Redis commands per \
    update, median latencies at 5000 requests a second, and acknowledged updates that were lost in all runs. Reads and \
    updates are of any of 1000 sessions, sent to random nodes.";
const REQUESTS_NOTE: &str = "Loopback HTTP/1.1, 32 clients over open connections, each request to a random node, with the \
    session's cookie and three others. At saturation a client sends its next request as soon as it has its response; \
    \"of bare\" is against bare axum on as many nodes in the same run. At a fixed rate requests are due at random times, \
    and a latency counts from when its request was due. Commands are those that requests send to Redis, without lease \
    probes.";
const UPDATES_NOTE: &str = "After the last run the counter of each session is read from every node. \"Lost\" updates \
    were acknowledged and are missing from the highest counter; \"stale\" counts the nodes with a lower counter than the \
    highest. Parallel requests of one session are rare here: 32 at a time among 1000 sessions.";

pub(super) fn sections(deployments: &[Deployment], versions: &str) -> Vec<Section> {
    vec![summary(deployments), requests(deployments, versions), updates(deployments)]
}

fn summary(deployments: &[Deployment]) -> Section {
    let columns = [
        "server",
        "nodes",
        "reads of bare",
        "updates of bare",
        "commands per update",
        "read p50 / p99 µs",
        "update p50 / p99 µs",
        "lost updates",
    ];
    let mut section = Section::new("Over HTTP", SUMMARY_NOTE, columns).on_page();
    let [read, update, paced_read, paced_update] = [1, 2, 3, 4];
    for deployment in deployments {
        let (target, nodes) = (deployment.target, deployment.nodes.len());
        let bare = find(deployments, Target::Bare, nodes).filter(|_| target.has_sessions());
        let of_bare = |case| bare.map_or_else(|| "–".to_owned(), |bare| deployment.rate_ratio(bare, case).to_string());
        let latency = |case| {
            let [p50, p99, _] = deployment.latencies(case).map(Spread::without_range);
            format!("{p50} / {p99}")
        };
        section.row([
            target.label().to_owned(),
            nodes.to_string(),
            of_bare(read),
            of_bare(update),
            commands(deployment, update),
            latency(paced_read),
            latency(paced_update),
            if target.has_sessions() { deployment.updates.lost.to_string() } else { "–".to_owned() },
        ]);
    }
    section
}

/// Returns the Redis commands per request, or a dash for a target without Redis.
fn commands(deployment: &Deployment, case: usize) -> String {
    match deployment.target.redis_commands() {
        [] => "–".to_owned(),
        _ => format!("{:.3}", Spread::of(deployment.commands[case].iter().copied()).median),
    }
}

fn requests(deployments: &[Deployment], versions: &str) -> Section {
    let note = format!("{REQUESTS_NOTE} Versions: {versions}.");
    let columns =
        ["request", "nodes", "server", "requests/s", "of bare", "p50 µs", "p99 µs", "p99.9 µs", "commands per request"];
    let mut section = Section::new("Requests over HTTP", &note, columns);
    let mut rates = Chart::new("http", "Requests per second, one node", "any of 1000 sessions, at saturation");
    let title = format!("Latency of {RATE} reads a second, one node");
    let mut latencies = Chart::new("http-latency", &title, "µs, counted from when the request was due");
    for (index, case) in CASES.iter().enumerate() {
        for deployment in deployments {
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
            add_ratios_to_libraries(&mut section, deployments, index, nodes);
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
    let pace = if case.is_saturated() { "at saturation".to_owned() } else { format!("{RATE} a second") };
    let label = format!("{}, {pace}", case.label);
    section.measured_row(&[&label, &nodes.to_string(), target.label()], &key(case, nodes, target), values);
}

/// Adds the throughput of Cloakroom over Redis against the other libraries over Redis.
fn add_ratios_to_libraries(section: &mut Section, deployments: &[Deployment], index: usize, nodes: usize) {
    let Some(cloakroom) = find(deployments, Target::Redis, nodes) else { return };
    for target in [Target::TowerRedis, Target::TowerCached, Target::AxumRedis] {
        if let Some(other) = find(deployments, target, nodes) {
            let key = key(&CASES[index], nodes, Target::Redis);
            section.figure(format!("{key}/of-{}", target.key()), "×", cloakroom.rate_ratio(other, index));
        }
    }
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
