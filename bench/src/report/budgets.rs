//! The goals of the design, and whether this run reaches them.

use crate::measure::Spread;

use super::Report;
use super::section::{Figure, Section};

const NOTE: &str = "\"Before\" is the same figure of an earlier commit, measured on the same machine on the same day. \
    \"Floor\" is the cost of the least that a session layer does, measured beside it.";

/// A goal for one figure.
struct Budget {
    label: &'static str,
    key: &'static str,
    limit: Limit,
    unit: &'static str,
    /// Why the goal is missed, if it usually is.
    reason: &'static str,
}

#[derive(Clone, Copy)]
enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// At most the figure, or 1.3 times the floor where that is more.
    AtMostOrFloor(f64),
    /// At most this share of the figure under another key.
    ShareOf(&'static str, f64),
}

/// The share of the floor that a session may cost.
const OF_FLOOR: f64 = 1.3;

const fn at_most(label: &'static str, key: &'static str, limit: f64, unit: &'static str) -> Budget {
    Budget { label, key, limit: Limit::AtMost(limit), unit, reason: "" }
}

const fn at_least(label: &'static str, key: &'static str, limit: f64) -> Budget {
    Budget { label, key, limit: Limit::AtLeast(limit), unit: "×", reason: "" }
}

const fn at_most_or_floor(label: &'static str, key: &'static str, limit: f64) -> Budget {
    Budget { label, key, limit: Limit::AtMostOrFloor(limit), unit: "ns", reason: "" }
}

/// A cost over bare axum of at most `1 / part` of another library's.
const fn share_of(label: &'static str, key: &'static str, other: &'static str, part: f64) -> Budget {
    Budget { label, key, limit: Limit::ShareOf(other, 1.0 / part), unit: "×", reason: "" }
}

impl Budget {
    const fn missed_because(mut self, reason: &'static str) -> Self {
        self.reason = reason;
        self
    }
}

const UNTOUCHED: &str = "the cookie, the extension and the locks of table and entry; axum boxes a layer once per route";
const READ: &str = "beside an untouched request: two response headers, the value, and the extractor's future";
const RANDOM: &str = "three loads from memory, one after the other, of 200 ns or more each";
const UPDATE: &str =
    "encoding the value, decoding it again and comparing, which refuses what other nodes could not read";
const MEMORY: &str = "the entry has 216 B, the packed values some 112, table and timer 30 to 40";
const HIT: &str = "bare axum takes 5.5 µs for a request, so that a tenth of it is half a microsecond";
const REDIS_UPDATE: &str = "one command instead of two, but a script, which costs the server more; no update is lost";
const BUDGETS: &[Budget] = &[
    at_most_or_floor("untouched, layer around the router", "overhead/untouched-around/1", 260.0)
        .missed_because(UNTOUCHED),
    at_most_or_floor("typed read, one session, layer around the router", "overhead/read-around/1", 450.0)
        .missed_because(READ),
    at_most_or_floor("typed read, 1000 sessions", "overhead/read-hot/1", 450.0).missed_because(READ),
    at_most("typed read, layer around the router: allocations", "overhead/read-around/1/allocations", 2.0, ""),
    at_most("typed read, random among 1M sessions", "overhead/read-random/1/difference", 1200.0, "ns")
        .missed_because(RANDOM),
    at_most("update, guide's cart", "overhead/update/1/difference", 950.0, "ns").missed_because(UPDATE),
    at_most("update, compact cart", "overhead/update-compact/1/difference", 800.0, "ns").missed_because(UPDATE),
    share_of(
        "typed read: of tower-sessions in memory",
        "overhead/libraries/read-hot/1/memory/difference",
        "overhead/libraries/read-hot/1/tower-memory/difference",
        6.0,
    )
    .missed_because(READ),
    share_of(
        "update: of tower-sessions in memory",
        "overhead/libraries/update/1/memory/difference",
        "overhead/libraries/update/1/tower-memory/difference",
        5.0,
    )
    .missed_because(UPDATE),
    share_of(
        "untouched: of tower-sessions in memory",
        "overhead/libraries/untouched/1/memory/difference",
        "overhead/libraries/untouched/1/tower-memory/difference",
        3.0,
    )
    .missed_because(UNTOUCHED),
    share_of(
        "typed read: of axum_session in memory",
        "overhead/libraries/read-hot/1/memory/difference",
        "overhead/libraries/read-hot/1/axum-memory/difference",
        15.0,
    )
    .missed_because(READ),
    at_most("untouched, one session, two threads against one", "overhead/untouched/two-to-one", 1.5, "×"),
    at_most("typed read, 1000 sessions, two threads against one", "overhead/read-hot/two-to-one", 1.2, "×"),
    at_most("typed read, one session, two threads against one", "overhead/read-one/two-to-one", 1.5, "×"),
    at_most("update, 1000 sessions, two threads against one", "overhead/update/two-to-one", 1.2, "×"),
    at_most("memory, quiet session, guide's cart", "memory/anonymous/steady/resident", 320.0, "B")
        .missed_because(MEMORY),
    at_most("memory, quiet session, logged in", "memory/logged-in/steady/resident", 560.0, "B")
        .missed_because("as for an anonymous session, and the login with its entry in the index of users"),
    at_most("ns per read, 10M sessions against 10k", "scale/growth/10000000/read/growth", 2.2, "×"),
    at_most(
        "slowest request while 1M sessions are created, two workers",
        "waits/system/a-million-are-created/max",
        1000.0,
        "µs",
    ),
    at_most("slowest request while 1M sessions are packed", "waits/system/a-million-are-packed/max", 1000.0, "µs"),
    at_most("slowest request while 1M sessions expire", "waits/system/a-million-expire/max", 1000.0, "µs"),
    at_most("slowest request while 1M users log in", "waits/system/a-million-log-in/max", 1000.0, "µs"),
    at_most("slowest request while 1M users log out", "waits/system/a-million-log-out/max", 1000.0, "µs"),
    at_most(
        "slowest request while each new session evicts another",
        "waits/system/each-new-one-evicts/max",
        1000.0,
        "µs",
    ),
    at_most("slowest request while as many sessions come as go", "waits/system/as-many-come-as-go/max", 1000.0, "µs"),
    at_least("HTTP, in memory: of bare axum's rate", "http/read/1/memory/of-bare", 0.95).missed_because(HIT),
    at_least("HTTP, Redis, local hits: of bare axum's rate", "http/read/1/redis/of-bare", 0.93).missed_because(HIT),
    at_most(
        "HTTP, Redis, local hit: processor time beyond bare",
        "http/read/1/redis/node-micros-beyond-bare",
        1.2,
        "µs",
    )
    .missed_because(HIT),
    at_least("HTTP updates over Redis: of tower-sessions' rate", "http/update/1/redis/of-tower-redis", 1.1)
        .missed_because(REDIS_UPDATE),
    at_least("HTTP updates over Redis, three nodes: of its rate", "http/update/3/redis/of-tower-redis", 0.9)
        .missed_because("without stickiness two of three updates find an outdated copy and read first: 1.65 commands"),
    at_most("HTTP update over Redis: processor time of Redis", "http/update/1/redis/store-micros", 6.0, "µs")
        .missed_because(
            "the script alone took 5 µs, 64 in a packet; the rest is receiving, answering and reporting it",
        ),
    at_least("HTTP, SQLite, local hits: of the rate in memory", "http/read/1/sqlite/of-memory", 0.95),
    at_least("HTTP, PostgreSQL, local hits: of the rate in memory", "http/read/1/postgres/of-memory", 0.95)
        .missed_because("within the spread of the runs"),
    at_least("HTTP updates over SQLite: of tower-sessions' rate", "http/update/1/sqlite/of-tower-sqlite", 5.0),
    at_least("HTTP updates over SQLite: of its rate with WAL", "http/update/1/sqlite/of-tower-sqlite-wal", 5.0)
        .missed_because("the update goes to the thread of the file and back, twice"),
    at_least("HTTP updates over PostgreSQL: of tower-sessions' rate", "http/update/1/postgres/of-tower-postgres", 2.0)
        .missed_because("the statement compares the head and writes three tables, where the peer replaces one row"),
    at_most("HTTP, one update over SQLite, over one in memory", "http/update-alone/1/sqlite/over-memory", 100.0, "µs")
        .missed_because("the update goes to the thread of the file and back, twice"),
    at_most("round trips to PostgreSQL: local hit", "http/round-trips/postgres/read", 0.0, ""),
    at_most("round trips to PostgreSQL: update", "http/round-trips/postgres/update", 1.0, ""),
    at_most("commands to Redis: local hit", "http/pair/redis/hit/commands", 0.0, ""),
    at_most("commands to Redis: miss", "http/pair/redis/miss/commands", 1.0, ""),
    at_most("commands to Redis: update", "http/pair/redis/update/commands", 1.0, ""),
];

/// Returns the goals of which this run measured the figure.
pub(super) fn section(report: &Report) -> Section {
    let columns = ["figure", "goal", "before", "measured (min .. max)", "floor", "reached", "reason for the miss"];
    let mut section = Section::new("Goals", NOTE, columns);
    for budget in BUDGETS {
        if let Some(row) = budget.row(report) {
            section.row(row);
        }
    }
    section
}

impl Budget {
    fn row(&self, report: &Report) -> Option<[String; 7]> {
        let key = match self.limit {
            Limit::AtMostOrFloor(_) => format!("{}/difference", self.key),
            _ => self.key.to_owned(),
        };
        let measured = self.value(report.figure(&key)?, |key| report.figure(key))?;
        let before = report.baseline_figure(&key).and_then(|figure| {
            self.value(figure, |key| report.baseline_figure(key)).map(|spread| spread.without_range().to_string())
        });
        let floor = report.figure(&format!("{}/floor", self.key)).map(|figure| figure.spread.median);
        let (is_reached, limit) = match self.limit {
            Limit::AtMost(limit) => (measured.median <= limit, format!("≤ {limit} {}", self.unit)),
            Limit::AtLeast(limit) => (measured.median >= limit, format!("≥ {limit} {}", self.unit)),
            Limit::AtMostOrFloor(limit) => {
                let allowed = floor.map_or(limit, |floor| limit.max(OF_FLOOR * floor));
                (measured.median <= allowed, format!("≤ {limit} {} or {OF_FLOOR} × floor", self.unit))
            }
            Limit::ShareOf(_, share) => (measured.median <= share, format!("≤ 1/{:.0}", 1.0 / share)),
        };
        let (reached, reason) = if is_reached { ("yes", "") } else { ("**no**", self.reason) };
        Some([
            self.label.to_owned(),
            limit.trim_end().to_owned(),
            before.unwrap_or_default(),
            measured.to_string(),
            floor.map(|floor| format!("{floor:.0}")).unwrap_or_default(),
            reached.to_owned(),
            reason.to_owned(),
        ])
    }

    /// Returns the figure, or its share of another one.
    fn value<'a>(&self, figure: &Figure, find: impl Fn(&str) -> Option<&'a Figure>) -> Option<Spread> {
        let Limit::ShareOf(other, _) = self.limit else { return Some(figure.spread) };
        Some(Spread::once(figure.spread.median / find(other)?.spread.median))
    }
}
