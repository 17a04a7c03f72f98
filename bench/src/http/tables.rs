use crate::arms::Arm;
use crate::load::Driven;
use crate::measure::Spread;
use crate::report::{Chart, Section};

use super::entrant::{Entrant, NODES};
use super::trial::{RATE, TRIALS, Trial};

const NOTE: &str = "Loopback HTTP/1.1, 32 clients in a closed loop over connections that stay open, each request to any of the nodes, \
    with the session's cookie and three others. Servers and generator are processes of their own and share the processors, \
    which moves every ratio towards 1, for everybody. All stand ready together and are asked in turn, run by run, in \
    an order that changes. \"Of bare\" is against bare axum on as many nodes in the same run. Latencies are those of a saturated machine. \
    Commands are what requests sent to Redis, without the probes that keep a lease.";

pub(super) fn of(entrants: &[Entrant], versions: &str) -> Vec<Section> {
    vec![saturated(entrants, versions), paced(entrants), books(entrants)]
}

fn saturated(entrants: &[Entrant], versions: &str) -> Section {
    let columns =
        ["request", "nodes", "server", "requests/s", "of bare", "p50 µs", "p99 µs", "p99.9 µs", "commands per request"];
    let mut section =
        Section::new("End to end over HTTP, at saturation", &format!("{NOTE} Took part: {versions}."), columns);
    let mut chart = Chart::bars("http", "Requests per second, one node", "any of 1000 sessions, at saturation");
    for (index, trial) in TRIALS.iter().enumerate().filter(|(_, trial)| trial.saturates()) {
        for (nodes, entrant) in by_nodes(entrants) {
            enter(&mut section, entrants, entrant, index, nodes);
            if nodes == 1 && trial.name != "read-one" {
                let kind = if trial.name == "read" { "read" } else { "update" };
                chart.bar(entrant.arm.what(), kind, entrant.spread(index, Driven::rate));
            }
        }
        for nodes in NODES {
            against(&mut section, entrants, index, nodes);
        }
    }
    section.chart(chart);
    section
}

fn enter(section: &mut Section, entrants: &[Entrant], entrant: &Entrant, index: usize, nodes: usize) {
    let trial = &TRIALS[index];
    let rate = entrant.spread(index, Driven::rate);
    let bare = find(entrants, Arm::Bare, nodes).filter(|_| entrant.arm.has_sessions());
    let ratio = bare.map(|bare| entrant.ratio(bare, index));
    let [p50, p99, p999] = latencies(entrant, index);
    let commands = Spread::of(entrant.commands[index].iter().copied());
    let sent = if entrant.arm.commands().is_empty() { "–".to_owned() } else { format!("{:.3}", commands.median) };
    section.row([
        trial.what.to_owned(),
        nodes.to_string(),
        entrant.arm.what().to_owned(),
        rate.to_string(),
        ratio.map_or_else(|| "–".to_owned(), |ratio| ratio.to_string()),
        format!("{:.0}", p50.median),
        format!("{:.0}", p99.median),
        format!("{:.0}", p999.median),
        sent,
    ]);
    let mut figure = |name: &str, unit, spread| section.figure(key(trial, nodes, entrant.arm, name), unit, spread);
    figure("rate", "per-second", rate);
    for (name, spread) in [("p50", p50), ("p99", p99), ("p99.9", p999)] {
        figure(name, "µs", spread);
    }
    figure("commands", "", commands);
    if let Some(ratio) = ratio {
        figure("of-bare", "×", ratio);
    }
}

/// Ours over Redis against theirs.
fn against(section: &mut Section, entrants: &[Entrant], index: usize, nodes: usize) {
    let Some(ours) = find(entrants, Arm::Redis, nodes) else { return };
    for theirs in [Arm::TowerRedis, Arm::TowerCached, Arm::AxumRedis] {
        if let Some(other) = find(entrants, theirs, nodes) {
            let key = key(&TRIALS[index], nodes, Arm::Redis, &format!("of-{}", theirs.name()));
            section.figure(key, "×", ours.ratio(other, index));
        }
    }
}

fn paced(entrants: &[Entrant]) -> Section {
    const NOTE: &str = "The same servers, asked so many times a second at random moments, by 32 clients whose schedules do not depend on the answers. \
        A latency counts from when the request was due, also if its client was still waiting: a server that stalls is charged for all who wait meanwhile.";
    let columns = ["request", "nodes", "server", "requests/s", "p50 µs", "p99 µs", "p99.9 µs"];
    let mut section = Section::new(&format!("End to end over HTTP, {RATE} requests a second"), NOTE, columns);
    let title = format!("Latency of {RATE} reads a second, one node");
    let mut chart = Chart::bars("http-latency", &title, "µs, counted from when the request was due");
    for (index, trial) in TRIALS.iter().enumerate().filter(|(_, trial)| !trial.saturates()) {
        for (nodes, entrant) in by_nodes(entrants) {
            let [p50, p99, p999] = latencies(entrant, index);
            let rate = entrant.spread(index, Driven::rate);
            let what = entrant.arm.what();
            let cells = [p50, p99, p999].map(|spread| spread.to_string());
            let head = [trial.what.to_owned(), nodes.to_string(), what.to_owned(), format!("{:.0}", rate.median)];
            section.rows.push(head.into_iter().chain(cells).collect());
            for (name, unit, spread) in
                [("p50", "µs", p50), ("p99", "µs", p99), ("p99.9", "µs", p999), ("rate", "per-second", rate)]
            {
                section.figure(key(trial, nodes, entrant.arm, name), unit, spread);
            }
            if nodes == 1 && trial.name == "paced-read" {
                chart.bar(what, "p50", p50);
                chart.bar(what, "p99", p99);
            }
        }
    }
    section.chart(chart);
    section
}

fn books(entrants: &[Entrant]) -> Section {
    const NOTE: &str = "After the last run every node is asked for the counter of each of the sessions. \"Lost\" is what was acknowledged \
        and is not even in the highest answer; \"stale\" counts the nodes that answer less than the highest. Parallel requests of one session are \
        rare here: 32 at a time among 1000 sessions.";
    let columns = ["nodes", "server", "acknowledged updates", "lost", "stale answers", "failed requests"];
    let mut section = Section::new("What became of the updates", NOTE, columns);
    for (nodes, entrant) in by_nodes(entrants).filter(|(_, entrant)| entrant.arm.has_sessions()) {
        let failed: u64 = entrant.driven.iter().flatten().map(|driven| driven.failed).sum();
        let books = entrant.books;
        section.row([
            nodes.to_string(),
            entrant.arm.what().to_owned(),
            books.acknowledged.to_string(),
            books.lost.to_string(),
            books.stale.to_string(),
            failed.to_string(),
        ]);
        for (name, count) in [("acknowledged", books.acknowledged), ("lost", books.lost), ("stale", books.stale)] {
            let key = format!("http/books/{nodes}/{}/{name}", entrant.arm.name());
            section.figure(key, "", Spread::once(count as f64));
        }
    }
    section
}

fn by_nodes(entrants: &[Entrant]) -> impl Iterator<Item = (usize, &Entrant)> {
    entrants.iter().map(|entrant| (entrant.nodes.len(), entrant))
}

fn find(entrants: &[Entrant], arm: Arm, nodes: usize) -> Option<&Entrant> {
    entrants.iter().find(|entrant| entrant.arm == arm && entrant.nodes.len() == nodes)
}

fn latencies(entrant: &Entrant, index: usize) -> [Spread; 3] {
    [
        entrant.spread(index, |driven| driven.p50),
        entrant.spread(index, |driven| driven.p99),
        entrant.spread(index, |driven| driven.p999),
    ]
}

fn key(trial: &Trial, nodes: usize, arm: Arm, figure: &str) -> String {
    format!("http/{}/{nodes}/{}/{figure}", trial.name, arm.name())
}
