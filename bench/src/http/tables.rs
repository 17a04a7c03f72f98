use crate::measure::Spread;
use crate::report::Section;

use super::arm::Arm;
use super::contest::{Contest, Entrant, KINDS, NODES};
use super::load::{Driven, What};

const NOTE: &str = "Loopback HTTP/1.1, 32 clients in a closed loop over connections that stay open, each request to any of the nodes, \
    with the session's cookie and three others. Servers and generator are processes of their own and share the processors, \
    which moves every ratio towards 1, for everybody. All stand ready together and are asked in turn, run by run, in \
    an order that changes. \"Of bare\" is against bare axum on as many nodes in the same run. Latencies are those of a saturated machine. \
    Commands are what requests sent to Redis, without the probes that keep a lease.";

pub(super) fn of(contest: &Contest, versions: &str) -> Vec<Section> {
    let columns = ["request", "nodes", "server", "requests/s", "of bare", "p50 µs", "p99 µs", "commands per request"];
    let mut speed = Section::new("End to end over HTTP", &format!("{NOTE} Took part: {versions}."), columns);
    for (kind, what) in KINDS.into_iter().enumerate() {
        for nodes in NODES {
            for entrant in contest.entrants.iter().filter(|entrant| entrant.nodes == nodes) {
                enter(&mut speed, contest, entrant, kind, what);
            }
            against(&mut speed, contest, kind, what, nodes);
        }
    }
    vec![speed, books(contest)]
}

fn enter(section: &mut Section, contest: &Contest, entrant: &Entrant, kind: usize, what: What) {
    let spread = |figure: fn(&Driven) -> f64| Spread::of(entrant.driven[kind].iter().map(figure));
    let rate = spread(rate);
    let ratio = contest.ratio(entrant, Arm::Bare, kind);
    let (p50, p99) = (spread(|driven| driven.p50), spread(|driven| driven.p99));
    let commands = Spread::of(entrant.commands[kind].iter().copied());
    let (_, words) = described(what);
    let sent = if entrant.arm.commands().is_empty() { "–".to_owned() } else { format!("{:.3}", commands.median) };
    section.row([
        words.to_owned(),
        entrant.nodes.to_string(),
        entrant.arm.what().to_owned(),
        rate.to_string(),
        ratio.map_or_else(|| "–".to_owned(), |ratio| ratio.to_string()),
        format!("{:.0}", p50.median),
        format!("{:.0}", p99.median),
        sent,
    ]);
    let mut figure =
        |name: &str, unit, spread| section.figure(key(what, entrant.nodes, entrant.arm, name), unit, spread);
    figure("rate", "per-second", rate);
    figure("p50", "µs", p50);
    figure("p99", "µs", p99);
    figure("commands", "", commands);
    if let Some(ratio) = ratio {
        figure("of-bare", "×", ratio);
    }
}

/// Ours over Redis against theirs.
fn against(section: &mut Section, contest: &Contest, kind: usize, what: What, nodes: usize) {
    let Some(ours) = contest.find(Arm::Redis, nodes) else { return };
    for theirs in [Arm::TowerRedis, Arm::TowerCached] {
        if let Some(ratio) = contest.ratio(ours, theirs, kind) {
            section.figure(key(what, nodes, Arm::Redis, &format!("of-{}", theirs.name())), "×", ratio);
        }
    }
}

fn books(contest: &Contest) -> Section {
    const NOTE: &str = "After the last run every node is asked for the counter of each of the sessions. \"Lost\" is what was acknowledged \
        and is not even in the highest answer; \"stale\" counts the nodes that answer less than the highest. Parallel requests of one session are \
        rare here: 32 at a time among 1000 sessions.";
    let columns = ["nodes", "server", "acknowledged updates", "lost", "stale answers", "failed requests"];
    let mut section = Section::new("What became of the updates", NOTE, columns);
    for entrant in contest.entrants.iter().filter(|entrant| entrant.arm.has_sessions()) {
        let failed: u64 = entrant.driven.iter().flatten().map(|driven| driven.failed).sum();
        let books = entrant.books;
        section.row([
            entrant.nodes.to_string(),
            entrant.arm.what().to_owned(),
            books.acknowledged.to_string(),
            books.lost.to_string(),
            books.stale.to_string(),
            failed.to_string(),
        ]);
        for (name, count) in [("acknowledged", books.acknowledged), ("lost", books.lost), ("stale", books.stale)] {
            let key = format!("http/books/{}/{}/{name}", entrant.nodes, entrant.arm.name());
            section.figure(key, "", Spread::once(count as f64));
        }
    }
    section
}

impl Contest {
    fn find(&self, arm: Arm, nodes: usize) -> Option<&Entrant> {
        self.entrants.iter().find(|entrant| entrant.arm == arm && entrant.nodes == nodes)
    }

    /// Requests per second of `entrant` over those of another on as many nodes, run by run.
    fn ratio(&self, entrant: &Entrant, other: Arm, kind: usize) -> Option<Spread> {
        let other = self.find(other, entrant.nodes).filter(|other| other.arm != entrant.arm)?;
        let pairs = entrant.driven[kind].iter().zip(&other.driven[kind]);
        Some(Spread::of(pairs.map(|(one, other)| rate(one) / rate(other))))
    }
}

fn rate(driven: &Driven) -> f64 {
    driven.requests as f64 / driven.seconds
}

fn key(what: What, nodes: usize, arm: Arm, figure: &str) -> String {
    format!("http/{}/{nodes}/{}/{figure}", described(what).0, arm.name())
}

const fn described(what: What) -> (&'static str, &'static str) {
    match what {
        What::ReadOne => ("read-one", "read, one session"),
        What::Read => ("read", "read, any of 1000 sessions"),
        What::Update => ("update", "update, any of 1000 sessions"),
    }
}
