use crate::load::LoadResult;
use crate::measure::Spread;
use crate::report::{Chart, Section};
use crate::targets::Target;

use super::comparison::{CASES, Case, RATE};
use super::deployment::{Deployment, NODES};

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
    vec![saturated(deployments, versions), paced(deployments), updates(deployments)]
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
    let rate = deployment.spread(index, LoadResult::rate);
    let bare = find(deployments, Target::Bare, nodes).filter(|_| target.has_sessions());
    let of_bare = bare.map(|bare| deployment.rate_ratio(bare, index));
    let latencies = deployment.latencies(index);
    let commands = Spread::of(deployment.commands[index].iter().copied());
    let [p50, p99, p999] = latencies.map(|spread| format!("{:.0}", spread.median));
    section.row([
        case.label.to_owned(),
        nodes.to_string(),
        target.label().to_owned(),
        rate.to_string(),
        of_bare.map_or_else(|| "–".to_owned(), |ratio| ratio.to_string()),
        p50,
        p99,
        p999,
        if target.redis_commands().is_empty() { "–".to_owned() } else { format!("{:.3}", commands.median) },
    ]);
    let mut figure = |name: &str, unit, spread| section.figure(key(case, nodes, target, name), unit, spread);
    figure("rate", "per-second", rate);
    for (name, spread) in ["p50", "p99", "p99.9"].into_iter().zip(latencies) {
        figure(name, "µs", spread);
    }
    figure("commands", "", commands);
    if let Some(ratio) = of_bare {
        figure("of-bare", "×", ratio);
    }
}

/// Adds the throughput of Cloakroom over Redis against the other libraries over Redis.
fn add_ratios_to_libraries(section: &mut Section, deployments: &[Deployment], index: usize, nodes: usize) {
    let Some(cloakroom) = find(deployments, Target::Redis, nodes) else { return };
    for target in [Target::TowerRedis, Target::TowerCached, Target::AxumRedis] {
        if let Some(other) = find(deployments, target, nodes) {
            let key = key(&CASES[index], nodes, Target::Redis, &format!("of-{}", target.key()));
            section.figure(key, "×", cloakroom.rate_ratio(other, index));
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
            let rate = deployment.spread(index, LoadResult::rate);
            let latencies = deployment.latencies(index);
            let head = [case.label.to_owned(), nodes.to_string(), target.label().to_owned()];
            let cells = latencies.map(|spread| spread.to_string());
            section.row(head.into_iter().chain([format!("{:.0}", rate.median)]).chain(cells));
            section.figure(key(case, nodes, target, "rate"), "per-second", rate);
            for (name, spread) in ["p50", "p99", "p99.9"].into_iter().zip(latencies) {
                section.figure(key(case, nodes, target, name), "µs", spread);
            }
            if nodes == 1 && case.key == "paced-read" {
                chart.bar(target.label(), "p50", latencies[0]);
                chart.bar(target.label(), "p99", latencies[1]);
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
        let counts = [updates.acknowledged, updates.lost, updates.stale, failed];
        section.row([nodes.to_string(), target.label().to_owned()].into_iter().chain(counts.map(|n| n.to_string())));
        for (name, count) in ["acknowledged", "lost", "stale", "failed"].into_iter().zip(counts) {
            let key = format!("http/updates/{nodes}/{}/{name}", target.key());
            section.figure(key, "", Spread::once(count as f64));
        }
    }
    section
}

fn find(deployments: &[Deployment], target: Target, nodes: usize) -> Option<&Deployment> {
    deployments.iter().find(|deployment| deployment.target == target && deployment.nodes.len() == nodes)
}

fn key(case: &Case, nodes: usize, target: Target, figure: &str) -> String {
    format!("http/{}/{nodes}/{}/{figure}", case.key, target.key())
}
