//! The figures that the README shows.

use std::fmt::Write;

use crate::measure::Spread;

use super::Report;

/// A sentence's worth; `{key}` stands for the median of that figure.
struct Headline {
    what: &'static str,
    without: &'static str,
    with: &'static str,
}

const fn headline(what: &'static str, without: &'static str, with: &'static str) -> Headline {
    Headline { what, without, with }
}

const GAINS: &[Headline] = &[
    headline(
        "a request that reads the cart, PostgreSQL 50 ms away (p50)",
        "{gains/postgres/50/cart/without/p50} ms",
        "{gains/postgres/50/cart/with/p50} ms",
    ),
    headline(
        "a session of 20 such requests",
        "{gains/postgres/50/journey/20/without/time} ms",
        "{gains/postgres/50/journey/20/with/time} ms",
    ),
    headline(
        "database queries in a mixed session of 20 requests",
        "{gains/postgres/5/mixed/20/without/queries}",
        "{gains/postgres/5/mixed/20/with/queries}",
    ),
    headline(
        "requests per second at saturation, PostgreSQL 5 ms away",
        "{gains/postgres/5/cart/without/rate}",
        "{gains/postgres/5/cart/with/rate}",
    ),
];

const PEERS: &[(&str, [&str; 3])] = &[
    (
        "a typed read among 1000 sessions, over bare axum, in process (ns)",
        [
            "{overhead/peers/read-hot/1/memory/difference}",
            "{overhead/peers/read-hot/1/tower-memory/difference}",
            "{overhead/peers/read-hot/1/axum-memory/difference}",
        ],
    ),
    (
        "an update among 1000 sessions, the same (ns)",
        [
            "{overhead/peers/update/1/memory/difference}",
            "{overhead/peers/update/1/tower-memory/difference}",
            "{overhead/peers/update/1/axum-memory/difference}",
        ],
    ),
    (
        "memory per session in use, a cart of five items (B)",
        [
            "{memory/anonymous/fresh/resident}",
            "{memory/tower-memory/fresh/resident}",
            "{memory/axum-memory/fresh/resident}",
        ],
    ),
    (
        "reads over HTTP, in memory, requests per second of bare axum's",
        ["{http/read/1/memory/of-bare}", "{http/read/1/tower-memory/of-bare}", "{http/read/1/axum-memory/of-bare}"],
    ),
    (
        "reads over HTTP, over Redis, requests per second of bare axum's",
        ["{http/read/1/redis/of-bare}", "{http/read/1/tower-redis/of-bare}", "{http/read/1/axum-redis/of-bare}"],
    ),
    (
        "of {correctness/checks} behaviours, over Redis, those that are as a client may expect",
        ["{correctness/redis/right}", "{correctness/tower-redis/right}", "{correctness/axum-redis/right}"],
    ),
];

/// The block of the README, if all parts were run.
pub(super) fn if_whole(report: &Report) -> Option<String> {
    if report.chapters.len() < 2 {
        return None;
    }
    let say = |template: &str| fill(template, report);
    let mut block = format!("{}\n\n", report.describe());
    block += "| | without a session cache | with Cloakroom |\n| --- | --- | --- |\n";
    for Headline { what, without, with } in GAINS {
        // Writing to a string cannot fail.
        let _infallible = writeln!(block, "| {what} | {} | {} |", say(without), say(with));
    }
    block += "\n![What a request takes, with and without](docs/charts/gains-latency.svg)\n\n";
    block += "| | Cloakroom | tower-sessions | axum_session |\n| --- | --- | --- | --- |\n";
    for (what, [ours, tower, axum]) in PEERS {
        let _infallible = writeln!(block, "| {} | {} | {} | {} |", say(what), say(ours), say(tower), say(axum));
    }
    Some(block)
}

/// Keys that no part of this run has a figure for; a name that was changed in one place alone.
pub(crate) fn missing(report: &Report) -> Vec<&'static str> {
    let gains = GAINS.iter().flat_map(|headline| [headline.without, headline.with]);
    let templates = gains.chain(PEERS.iter().flat_map(|(what, cells)| cells.iter().copied().chain([*what])));
    let keys = templates.flat_map(|template| template.split('{').skip(1).filter_map(|part| part.split('}').next()));
    keys.filter(|key| report.figure(key).is_none()).collect()
}

/// Puts figures in the place of their keys; one that was not measured is a dash.
fn fill(template: &str, report: &Report) -> String {
    let mut parts = template.split('{');
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (key, rest) = part.split_once('}').unwrap_or((part, ""));
        let found = report.figure(key);
        said += &found.map_or_else(|| "–".to_owned(), |figure| Spread::once(figure.spread.median).to_string());
        said += rest;
    }
    said
}

#[cfg(test)]
mod tests {
    use super::{Report, fill};
    use crate::measure::Spread;
    use crate::report::{Chapter, Section};

    #[test]
    fn a_key_becomes_its_median_and_an_unknown_one_a_dash() {
        let mut section = Section::new("", "", [""]);
        section.figure("gains/one", "ms", Spread::of([3.0, 1.0, 2.0]));
        let report = Report::of_test(vec![Chapter { part: "gains".to_owned(), sections: vec![section] }]);
        assert_eq!(fill("{gains/one} ms of {gains/two}", &report), "2 ms of –");
    }
}
