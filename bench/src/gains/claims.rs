//! Common claims about session caches, compared with the measurements.

use crate::measure::Spread;
use crate::report::Section;

use super::Measured;
use super::sessions::Content;
use super::setup::DatabaseKind;
use super::token::CheckTimes;

const NOTE: &str = "What is often claimed of a session cache, and what this run measured. The milliseconds in the first \
    column are added to every answer of the database.";

/// A claim and its measurement on one kind of database.
struct Claim {
    label: &'static str,
    claimed: &'static str,
    measured: fn(&OneDatabase<'_>) -> Option<String>,
}

/// All measurements on one kind of database.
struct OneDatabase<'a> {
    all: Vec<&'a Measured>,
    checks: &'a CheckTimes,
}

const fn claim(label: &'static str, claimed: &'static str, measured: fn(&OneDatabase<'_>) -> Option<String>) -> Claim {
    Claim { label, claimed, measured }
}

const CLAIMS: [Claim; 9] = [
    claim("a request for the cart, 100 ms", "100 ms, then about 10 ms with a hit", |found| found.latency("cart", 100)),
    claim("a request for the cart, 50 ms", "50 to 100 ms less per request", |found| found.latency("cart", 50)),
    claim("10 requests for the cart, 100 ms", "saves about 1 s", |found| found.saved_time(10, 100)),
    claim("20 requests for the cart, 50 ms", "saves 1 to 2 s", |found| found.saved_time(20, 50)),
    claim("20 requests for the cart, 100 ms", "saves 1 to 2 s", |found| found.saved_time(20, 100)),
    claim("checking a token", "10 to 20 ms less per request", |found| {
        let [token, session] = [found.checks.token, found.checks.session].map(|spread| spread.median / 1e6);
        Some(format!("{token:.4} ms for a signed token, {session:.4} ms for the session"))
    }),
    claim("a role check before a query that is not cached, 50 ms", "30 to 50 % faster", |found| {
        let [without, with] = found.at(50)?.requests.p50("orders").map(Spread::without_range);
        let saved = 100.0 * (1.0 - with.median / without.median);
        Some(format!("{without} ms, then {with} ms: {saved:.0} %"))
    }),
    claim("requests per second at saturation, 0, 5, 50, 100 ms", "2 to 3 times as many", |found| {
        let ratio = |measured: &&Measured| measured.requests.speedup("cart").without_range().to_string();
        let ratios: Vec<_> = found.all.iter().map(ratio).collect();
        (!ratios.is_empty()).then(|| format!("{} times", ratios.join(", ")))
    }),
    claim("queries of a mixed session of 10 and of 20 requests", "50 to 80 % fewer", |found| {
        let saved = |length| found.all.first()?.sessions.saved_queries(Content::Mixed, length);
        Some(format!("{:.0} and {:.0} % fewer", 100.0 * saved(10)?, 100.0 * saved(20)?))
    }),
];

pub(super) fn section(all: &[Measured], checks: &CheckTimes) -> Section {
    let columns = ["case", "claimed", "measured on PostgreSQL", "on SQLite"];
    let mut section = Section::new("Claims about session caches", NOTE, columns).on_page();
    for Claim { label, claimed, measured } in CLAIMS {
        let cells = DatabaseKind::ALL.map(|database| {
            let all = all.iter().filter(|measured| measured.database == database).collect();
            measured(&OneDatabase { all, checks }).unwrap_or_else(|| "–".to_owned())
        });
        section.row([label, claimed].map(str::to_owned).into_iter().chain(cells));
    }
    section
}

impl OneDatabase<'_> {
    fn at(&self, delay: u64) -> Option<&Measured> {
        self.all.iter().find(|measured| measured.delay == delay).copied()
    }

    fn latency(&self, case: &str, delay: u64) -> Option<String> {
        let [without, with] = self.at(delay)?.requests.p50(case).map(Spread::without_range);
        Some(format!("{without} ms, with a hit {with} ms"))
    }

    fn saved_time(&self, length: usize, delay: u64) -> Option<String> {
        let [without, with] = self.at(delay)?.sessions.time(Content::Cart, length)?;
        let saved = (without.median - with.median) / 1000.0;
        Some(format!("saves {saved:.2} s of {:.2} s", without.median / 1000.0))
    }
}
