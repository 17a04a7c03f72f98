//! The claims of the seed document, each beside what was measured.

use crate::measure::Spread;
use crate::report::Section;

use super::journeys::Steps;
use super::token_check::Checks;
use super::{Kind, Measured};

const NOTE: &str = "What the seed document says of a session cache, and what this run says. \"A ms away\" is latency added to every answer of the database; the figures behind each row are in the tables below.";

/// A claim, what the document says, and how this run answers it on one database.
struct Claim {
    what: &'static str,
    said: &'static str,
    measured: fn(&Found<'_>) -> Option<String>,
}

/// What was measured on one kind of database.
struct Found<'a> {
    all: Vec<&'a Measured>,
    checks: &'a Checks,
}

const CLAIMS: [Claim; 9] = [
    Claim {
        what: "a request for the cart, database 100 ms away",
        said: "100 ms, then about 10 ms with a hit",
        measured: |found| found.latency("cart", 100),
    },
    Claim {
        what: "a request for the cart, 50 ms away",
        said: "50 to 100 ms less per request",
        measured: |found| found.latency("cart", 50),
    },
    Claim {
        what: "10 requests for the cart, 100 ms away",
        said: "saves about 1 s",
        measured: |found| found.session(Steps::Cart, 10, 100),
    },
    Claim {
        what: "20 requests for a cached value, 50 ms away",
        said: "saves 1 to 2 s",
        measured: |found| found.session(Steps::Cart, 20, 50),
    },
    Claim {
        what: "20 requests for a cached value, 100 ms away",
        said: "saves 1 to 2 s",
        measured: |found| found.session(Steps::Cart, 20, 100),
    },
    Claim {
        what: "checking a token",
        said: "10 to 20 ms less per request",
        measured: |found| {
            let [signed, session] = [found.checks.signed, found.checks.session].map(|spread| spread.median / 1e6);
            Some(format!("{signed:.4} ms for a signed token, {session:.4} ms for the session"))
        },
    },
    Claim {
        what: "an endpoint that checks a role before a query of its own, 50 ms away",
        said: "answers 30 to 50 % faster",
        measured: |found| found.faster("orders", 50),
    },
    Claim {
        what: "requests per second at saturation, 0, 5, 50, 100 ms away",
        said: "2 to 3 times as many",
        measured: |found| found.throughput(),
    },
    Claim {
        what: "queries of a mixed session of 10 and of 20 requests",
        said: "50 to 80 % fewer",
        measured: |found| found.fewer_queries(),
    },
];

pub(super) fn section(all: &[Measured], checks: &Checks) -> Section {
    let columns = ["claim", "the document says", "measured on PostgreSQL", "on SQLite"];
    let mut section = Section::new("The claims of the seed document", NOTE, columns);
    for Claim { what, said, measured } in CLAIMS {
        let [postgres, sqlite] = Kind::ALL.map(|kind| {
            let all = all.iter().filter(|measured| measured.kind == kind).collect();
            measured(&Found { all, checks }).unwrap_or_else(|| "–".to_owned())
        });
        section.row([what.to_owned(), said.to_owned(), postgres, sqlite]);
    }
    section
}

impl Found<'_> {
    fn at(&self, delay: u64) -> Option<&Measured> {
        self.all.iter().find(|measured| measured.delay == delay).copied()
    }

    fn latency(&self, case: &str, delay: u64) -> Option<String> {
        let [without, with] = self.at(delay)?.requests.p50(case);
        Some(format!("{} ms, with a hit {} ms", short(without), short(with)))
    }

    fn session(&self, steps: Steps, length: usize, delay: u64) -> Option<String> {
        let [without, with] = self.at(delay)?.journeys.time(steps, length)?;
        let saved = (without.median - with.median) / 1000.0;
        Some(format!("saves {saved:.2} s of {:.2} s", without.median / 1000.0))
    }

    fn faster(&self, case: &str, delay: u64) -> Option<String> {
        let [without, with] = self.at(delay)?.requests.p50(case);
        let share = 100.0 * (1.0 - with.median / without.median);
        Some(format!("{} ms, then {} ms: {share:.0} %", short(without), short(with)))
    }

    fn throughput(&self) -> Option<String> {
        let times = self.all.iter().map(|measured| format!("{}", short(measured.requests.speedup("cart"))));
        let times: Vec<_> = times.collect();
        (!times.is_empty()).then(|| format!("{} times", times.join(", ")))
    }

    fn fewer_queries(&self) -> Option<String> {
        let share = |length| self.all.first()?.journeys.fewer_queries(Steps::Mixed, length);
        Some(format!("{:.0} and {:.0} % fewer", 100.0 * share(10)?, 100.0 * share(20)?))
    }
}

fn short(spread: Spread) -> Spread {
    Spread::once(spread.median)
}
