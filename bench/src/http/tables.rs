use crate::load::LoadResult;
use crate::measure::Spread;
use crate::report::{Chart, Section, single, value};
use crate::targets::Target;

use super::comparison::{CASES, Case, RATE};
use super::deployment::{Deployment, NODES};

const SUMMARY_NOTE: &str = "Requests per second at saturation against bare axum on as many nodes, Redis commands per \
    update, median latencies at 5000 requests a second, and acknowledged updates that were lost in all runs. Reads and \
    updates are of any of 1000 sessions, sent to random nodes.";
const SATURATED_NOTE: &str = "Loopback HTTP/1.1, 32 clients in a closed loop over open connections, each request to a \
    random node, with the session's cookie and three others. \"Of bare\" is against bare axum on as many nodes in the \
    same run. Latencies are those of a saturated machine. Commands are those that requests send to Redis, without lease \
    probes.";
const PACED_NOTE: &str = "The same servers at a fixed rate: requests are due at random times that do not depend on the \
    responses. A latency counts from when its request was due, even if its client was still waiting.";
const UPDATES_NOTE: &str = "After the last run the counter of each session is read from every node. \"Lost\" updates \
    were acknowledged and are missing from the highest counter; \"stale\" counts the nodes with a lower counter than the \
    highest. Parallel requests of one session are rare here: 32 at a time among 1000 sessions.";

pub(super) fn sections(deployments: &[Deployment], versions: &str) -> Vec<Section> {
    vec![summary(deployments), saturated(deployments, versions), paced(deployments), updates(deployments)]
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

fn saturated(deployments: &[Deployment], versions: &str) -> Section {
    let note = format!("{SATURATED_NOTE} Versions: {versions}.");
    let columns =
        ["request", "nodes", "server", "requests/s", "of bare", "p50 µs", "p99 µs", "p99.9 µs", "commands per request"];
    let mut section = Section::new("Over HTTP, at saturation", &note, columns);
    let mut chart = Chart::new("http", "Requests per second, one node", "any of 1000 sessions, at saturation");
    for (index, case) in CASES.iter().enumerate().filter(|(_, case)| case.is_saturated()) {
        for deployment in deployments {
            add_saturated_row(&mut section, deployments, deployment, index);
            if deployment.nodes.len() == 1 && case.key != "read-one" {
                chart.bar(deployment.target.label(), case.key, deployment.spread(index, LoadResult::rate));
            }
        }
        for nodes in NODES {
            add_ratios_to_libraries(&mut section, deployments, index, nodes);
        }
    }
    section.charts.push(chart);
    section
}

fn add_saturated_row(section: &mut Section, deployments: &[Deployment], deployment: &Deployment, index: usize) {
    let (target, nodes, case) = (deployment.target, deployment.nodes.len(), &CASES[index]);
    let bare = find(deployments, Target::Bare, nodes).filter(|_| target.has_sessions());
    let of_bare = bare.map_or_else(|| Spread::of([]), |bare| deployment.rate_ratio(bare, index));
    let [p50, p99, p999] = deployment.latencies(index);
    let of_bare_value = value("of-bare", "×", of_bare);
    let values = [
        value("rate", "per-second", deployment.spread(index, LoadResult::rate)),
        if bare.is_some() { of_bare_value } else { of_bare_value.with_text("–") },
        value("p50", "µs", p50).decimals(0),
        value("p99", "µs", p99).decimals(0),
        value("p99.9", "µs", p999).decimals(0),
        value("commands", "", Spread::of(deployment.commands[index].iter().copied()))
            .with_text(commands(deployment, index)),
    ];
    section.measured_row(&[case.label, &nodes.to_string(), target.label()], &key(case, nodes, target), values);
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

fn paced(deployments: &[Deployment]) -> Section {
    let columns = ["request", "nodes", "server", "requests/s", "p50 µs", "p99 µs", "p99.9 µs"];
    let mut section = Section::new(&format!("Over HTTP, {RATE} requests a second"), PACED_NOTE, columns);
    let title = format!("Latency of {RATE} reads a second, one node");
    let mut chart = Chart::new("http-latency", &title, "µs, counted from when the request was due");
    for (index, case) in CASES.iter().enumerate().filter(|(_, case)| !case.is_saturated()) {
        for deployment in deployments {
            let (target, nodes) = (deployment.target, deployment.nodes.len());
            let [p50, p99, p999] = deployment.latencies(index);
            let values = [
                value("rate", "per-second", deployment.spread(index, LoadResult::rate)).decimals(0),
                value("p50", "µs", p50),
                value("p99", "µs", p99),
                value("p99.9", "µs", p999),
            ];
            section.measured_row(&[case.label, &nodes.to_string(), target.label()], &key(case, nodes, target), values);
            if nodes == 1 && case.key == "paced-read" {
                chart.bar(target.label(), "p50", p50);
                chart.bar(target.label(), "p99", p99);
            }
        }
    }
    section.charts.push(chart);
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
