//! What things may cost, and whether they do.

use crate::measure::Spread;

use super::Report;
use super::section::{Figure, Section};

/// A limit on one figure.
struct Budget {
    what: &'static str,
    key: &'static str,
    limit: Limit,
    unit: &'static str,
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

const fn budget(what: &'static str, key: &'static str, at_most: f64, unit: &'static str) -> Budget {
    Budget { what, key, limit: Limit::AtMost(at_most), unit }
}

const fn goal(what: &'static str, key: &'static str, at_least: f64) -> Budget {
    Budget { what, key, limit: Limit::AtLeast(at_least), unit: "×" }
}

const BUDGETS: &[Budget] = &[
    budget("a request that never touches its session, over bare axum", "overhead/untouched/1/difference", 120.0, "ns"),
    budget("the same, layer around the router", "overhead/untouched-around/1/difference", 120.0, "ns"),
    budget("typed read, one hot session, over bare axum", "overhead/read-one/1/difference", 250.0, "ns"),
    budget("the same: allocations", "overhead/read-one/1/allocations", 2.0, ""),
    budget("the same, layer around the router", "overhead/read-around/1/difference", 250.0, "ns"),
    budget("the same, layer around the router: allocations", "overhead/read-around/1/allocations", 2.0, ""),
    budget("typed read, random among 1M sessions", "overhead/read-random/1/difference", 500.0, "ns"),
    budget("update without a shared tier, compact cart", "overhead/update-compact/1/difference", 700.0, "ns"),
    budget("update without a shared tier, the guide's cart", "overhead/update/1/difference", 700.0, "ns"),
    budget("two threads: untouched, against one thread", "overhead/untouched/two-to-one", 1.2, "×"),
    budget("two threads: typed read, hot", "overhead/read-hot/two-to-one", 1.2, "×"),
    budget("two threads: typed read, random among 1M", "overhead/read-random/two-to-one", 1.2, "×"),
    budget("two threads: update, the guide's cart", "overhead/update/two-to-one", 1.2, "×"),
    budget("memory per session, arrived over 20 min, the guide's cart", "memory/anonymous/steady/resident", 350.0, "B"),
    budget("the same, logged in", "memory/logged-in/steady/resident", 350.0, "B"),
    budget("the same, compact cart", "memory/compact/steady/resident", 350.0, "B"),
    budget("memory per session in use, the guide's cart", "memory/anonymous/fresh/resident", 350.0, "B"),
    budget("memory per session in use, compact cart", "memory/compact/fresh/resident", 350.0, "B"),
    budget("ns per read, 10M sessions against 10k", "scale/read/10000000/growth", 2.5, "×"),
    budget("expiring 1M sessions: worst request, two workers", "expiry/expiring/2/worst", 5000.0, "µs"),
    budget("expiring 1M sessions: worst request, one worker", "expiry/expiring/1/worst", 5000.0, "µs"),
    goal("over HTTP, in memory: requests/s of bare axum's, read, one session", "http/read-one/1/memory/of-bare", 0.97),
    goal("the same, any of 1000 sessions", "http/read/1/memory/of-bare", 0.97),
    goal(
        "over HTTP, over Redis, local hits: requests/s of bare axum's, one session",
        "http/read-one/1/redis/of-bare",
        0.95,
    ),
    goal("the same, any of 1000 sessions", "http/read/1/redis/of-bare", 0.95),
    goal("the same, three nodes", "http/read/3/redis/of-bare", 0.95),
    goal("reads over Redis, of tower-sessions'", "http/read/1/redis/of-tower-redis", 1.9),
    goal("the same, three nodes", "http/read/3/redis/of-tower-redis", 1.9),
    goal("updates over Redis, of tower-sessions'", "http/update/1/redis/of-tower-redis", 1.3),
    goal("the same, three nodes", "http/update/3/redis/of-tower-redis", 1.3),
    budget("commands to Redis: local hit", "http/inside/redis/hit/commands", 0.0, ""),
    budget("commands to Redis: miss", "http/inside/redis/miss/commands", 1.0, ""),
    budget("commands to Redis: update", "http/inside/redis/update/commands", 1.0, ""),
];

/// The budgets that this run says something about.
pub(super) fn judged(report: &Report) -> Section {
    let columns = ["what", "budget", "measured (min .. max)", "met"];
    let mut judged = Section::new("Budgets", "", columns);
    for budget in BUDGETS {
        if let Some(Figure { spread, .. }) = report.figure(budget.key) {
            judged.row(budget.judge(spread));
        }
    }
    judged
}

/// All budgets, if all parts were run.
pub(super) fn if_whole(report: &Report) -> Option<Section> {
    (report.chapters.len() > 1).then(|| judged(report))
}

impl Budget {
    fn judge(&self, spread: &Spread) -> [String; 4] {
        let (met, limit) = match self.limit {
            Limit::AtMost(limit) => (spread.median <= limit, format!("≤ {limit} {}", self.unit)),
            Limit::AtLeast(limit) => (spread.median >= limit, format!("≥ {limit} {}", self.unit)),
        };
        let met = if met { "yes" } else { "**no**" };
        [self.what.to_owned(), limit.trim_end().to_owned(), spread.to_string(), met.to_owned()]
    }
}
