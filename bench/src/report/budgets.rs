//! The budgets of the design, and whether this run meets them.

use super::Report;
use super::section::{Figure, Section};

const NOTE: &str =
    "Instruction counts and times in the reasons are of an earlier commit (c0531aa) and another machine.";

/// A limit on one figure.
struct Budget {
    label: &'static str,
    key: &'static str,
    limit: Limit,
    unit: &'static str,
    /// Why the budget is missed, if it usually is.
    reason: &'static str,
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

const fn at_most(label: &'static str, key: &'static str, limit: f64, unit: &'static str) -> Budget {
    Budget { label, key, limit: Limit::AtMost(limit), unit, reason: "" }
}

const fn at_least(label: &'static str, key: &'static str, limit: f64) -> Budget {
    Budget { label, key, limit: Limit::AtLeast(limit), unit: "×", reason: "" }
}

impl Budget {
    const fn missed_because(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }
}

const UNTOUCHED: &str = "12 locked instructions are 84 ns; finding and decoding the cookie, hashing and the request's \
    extension are most of 2860 instructions";
const BOX_PER_ROUTE: &str = "axum boxes a layer once per route: 3 to 4 allocations, 85 ns or more";
const READ: &str = "1550 instructions more than untouched: two response headers, deadlines, value and future";
const RANDOM: &str = "five dependent loads; the budget allows for the table and one cache miss";
const UPDATE: &str = "an immutable state per version makes readers lock-free and costs three allocations an update";
const MEMORY_IN_USE: &str = "not packed yet: the value's allocations and their fragmentation";
const SQLITE_UPDATE: &str =
    "not profiled; an update goes to the writer's thread and back, in a transaction of the file";
const POSTGRES_UPDATE: &str = "not profiled; one statement writes the session, its value and the feed of changes, where \
    the peer replaces one row and loses updates";
const HTTP_HIT: &str =
    "bare axum takes 5.5 µs, so the budget leaves half a microsecond for the session; a hit takes 2 µs";
const BUDGETS: &[Budget] = &[
    at_most("untouched request, over bare axum", "overhead/untouched/1/difference", 120.0, "ns")
        .missed_because(UNTOUCHED),
    at_most("untouched request, layer around the router", "overhead/untouched-around/1/difference", 120.0, "ns")
        .missed_because(UNTOUCHED),
    at_most("typed read, one session", "overhead/read-one/1/difference", 250.0, "ns").missed_because(READ),
    at_most("typed read, one session: allocations", "overhead/read-one/1/allocations", 2.0, "")
        .missed_because(BOX_PER_ROUTE),
    at_most("typed read, layer around the router", "overhead/read-around/1/difference", 250.0, "ns")
        .missed_because(READ),
    at_most("typed read, layer around the router: allocations", "overhead/read-around/1/allocations", 2.0, ""),
    at_most("typed read, random among 1M sessions", "overhead/read-random/1/difference", 500.0, "ns")
        .missed_because(RANDOM),
    at_most("update in memory, compact cart", "overhead/update-compact/1/difference", 700.0, "ns")
        .missed_because(UPDATE),
    at_most("update in memory, guide's cart", "overhead/update/1/difference", 700.0, "ns")
        .missed_because("the same, and copying the cart and encoding it for its size: 1990 instructions"),
    at_most("untouched request, two threads against one", "overhead/untouched/two-to-one", 1.2, "×"),
    at_most("typed read, 1000 sessions, two threads against one", "overhead/read-hot/two-to-one", 1.2, "×"),
    at_most("typed read, random among 1M, two threads against one", "overhead/read-random/two-to-one", 1.2, "×"),
    at_most("update, guide's cart, two threads against one", "overhead/update/two-to-one", 1.2, "×"),
    at_most("memory, created over 20 min, guide's cart", "memory/anonymous/steady/resident", 350.0, "B")
        .missed_because("state 144 B, entry 80, packed values some 112, table and timer 30 to 40, fragmentation"),
    at_most("memory, created over 20 min, logged in", "memory/logged-in/steady/resident", 350.0, "B")
        .missed_because("as for an anonymous session, and the login with its entry in the index of users"),
    at_most("memory, created over 20 min, compact cart", "memory/compact/steady/resident", 350.0, "B"),
    at_most("memory in use, guide's cart", "memory/anonymous/fresh/resident", 350.0, "B").missed_because(MEMORY_IN_USE),
    at_most("memory in use, compact cart", "memory/compact/fresh/resident", 350.0, "B").missed_because(MEMORY_IN_USE),
    at_most("ns per read, 10M sessions against 10k", "scale/growth/10000000/read/growth", 2.5, "×"),
    at_most("slowest request while 1M sessions expire, two workers", "expiry/expiring/2/max", 5000.0, "µs"),
    at_most("slowest request while 1M sessions expire, one worker", "expiry/expiring/1/max", 5000.0, "µs"),
    at_least("HTTP, in memory, one session: of bare axum's rate", "http/read-one/1/memory/of-bare", 0.97)
        .missed_because(HTTP_HIT),
    at_least("HTTP, in memory, 1000 sessions: of bare axum's rate", "http/read/1/memory/of-bare", 0.97)
        .missed_because(HTTP_HIT),
    at_least("HTTP, Redis, local hits, one session: of bare axum's rate", "http/read-one/1/redis/of-bare", 0.95)
        .missed_because(HTTP_HIT),
    at_least("HTTP, Redis, local hits, 1000 sessions: of bare axum's rate", "http/read/1/redis/of-bare", 0.95)
        .missed_because(HTTP_HIT),
    at_least("HTTP, Redis, local hits, three nodes: of bare axum's rate", "http/read/3/redis/of-bare", 0.95)
        .missed_because(HTTP_HIT),
    at_least("HTTP reads over Redis: of tower-sessions' rate", "http/read/1/redis/of-tower-redis", 1.9),
    at_least("HTTP reads over Redis, three nodes: of tower-sessions' rate", "http/read/3/redis/of-tower-redis", 1.9)
        .missed_because("within the spread of the runs"),
    at_least("HTTP updates over Redis: of tower-sessions' rate", "http/update/1/redis/of-tower-redis", 1.3)
        .missed_because("one command instead of two, but a script that Redis takes longer to run; no update is lost"),
    at_least(
        "HTTP updates over Redis, three nodes: of tower-sessions' rate",
        "http/update/3/redis/of-tower-redis",
        1.3,
    )
    .missed_because("without stickiness two of three updates find an outdated copy and read first: 1.65 commands"),
    at_least("HTTP, SQLite, local hits: of the rate in memory", "http/read/1/sqlite/of-memory", 0.95),
    at_least("HTTP, PostgreSQL, local hits: of the rate in memory", "http/read/1/postgres/of-memory", 0.95)
        .missed_because("within the spread of the runs"),
    at_least("HTTP updates over SQLite: of tower-sessions' rate", "http/update/1/sqlite/of-tower-sqlite", 5.0),
    at_least("HTTP updates over SQLite: of its rate with WAL", "http/update/1/sqlite/of-tower-sqlite-wal", 5.0)
        .missed_because(SQLITE_UPDATE),
    at_least("HTTP updates over PostgreSQL: of tower-sessions' rate", "http/update/1/postgres/of-tower-postgres", 2.0)
        .missed_because(POSTGRES_UPDATE),
    at_most("HTTP, one update over SQLite, over one in memory", "http/update-alone/1/sqlite/over-memory", 100.0, "µs")
        .missed_because(SQLITE_UPDATE),
    at_most("round trips to PostgreSQL: local hit", "http/round-trips/postgres/read", 0.0, ""),
    at_most("round trips to PostgreSQL: update", "http/round-trips/postgres/update", 1.0, ""),
    at_most("commands to Redis: local hit", "http/pair/redis/hit/commands", 0.0, ""),
    at_most("commands to Redis: miss", "http/pair/redis/miss/commands", 1.0, ""),
    at_most("commands to Redis: update", "http/pair/redis/update/commands", 1.0, ""),
];

/// Returns the budgets of which this run measured the figure.
pub(super) fn section(report: &Report) -> Section {
    let columns = ["budget", "limit", "measured (min .. max)", "met", "reason for the miss"];
    let mut section = Section::new("Budgets", NOTE, columns);
    for budget in BUDGETS {
        if let Some(figure) = report.figure(budget.key) {
            section.row(budget.row(figure));
        }
    }
    section
}

impl Budget {
    fn row(&self, Figure { spread, .. }: &Figure) -> [String; 5] {
        let (is_met, limit) = match self.limit {
            Limit::AtMost(limit) => (spread.median <= limit, format!("≤ {limit} {}", self.unit)),
            Limit::AtLeast(limit) => (spread.median >= limit, format!("≥ {limit} {}", self.unit)),
        };
        let (met, reason) = if is_met { ("yes", "") } else { ("**no**", self.reason) };
        [self.label, limit.trim_end(), &spread.to_string(), met, reason].map(str::to_owned)
    }
}
