//! The tables of the README.

use crate::measure::Spread;

use super::Report;

/// A row of the table on gains: a label, and a template for each side. `{key}` stands for the median of a figure.
const GAINS: [[&str; 3]; 4] = [
    [
        "a request that reads the cart, PostgreSQL 50 ms away (p50)",
        "{gains/postgres/50/cart/without/p50} ms",
        "{gains/postgres/50/cart/with/p50} ms",
    ],
    [
        "a session of 20 such requests",
        "{gains/postgres/50/sessions/cart/20/without/time} ms",
        "{gains/postgres/50/sessions/cart/20/with/time} ms",
    ],
    [
        "database queries in a mixed session of 20 requests",
        "{gains/postgres/5/sessions/mixed/20/without/queries}",
        "{gains/postgres/5/sessions/mixed/20/with/queries}",
    ],
    [
        "requests per second at saturation, PostgreSQL 5 ms away",
        "{gains/postgres/5/cart/without/rate}",
        "{gains/postgres/5/cart/with/rate}",
    ],
];

/// A row of the table on libraries: a label, and a template for each library.
const LIBRARIES: [[&str; 4]; 6] = [
    [
        "a typed read among 1000 sessions, over bare axum, in process (ns)",
        "{overhead/libraries/read-hot/1/memory/difference}",
        "{overhead/libraries/read-hot/1/tower-memory/difference}",
        "{overhead/libraries/read-hot/1/axum-memory/difference}",
    ],
    [
        "an update among 1000 sessions, over bare axum, in process (ns)",
        "{overhead/libraries/update/1/memory/difference}",
        "{overhead/libraries/update/1/tower-memory/difference}",
        "{overhead/libraries/update/1/axum-memory/difference}",
    ],
    [
        "memory per session in use, a cart of five items (B)",
        "{memory/anonymous/fresh/resident}",
        "{memory/tower-memory/fresh/resident}",
        "{memory/axum-memory/fresh/resident}",
    ],
    [
        "reads over HTTP, in memory: requests per second relative to bare axum",
        "{http/read/1/memory/of-bare}",
        "{http/read/1/tower-memory/of-bare}",
        "{http/read/1/axum-memory/of-bare}",
    ],
    [
        "reads over HTTP, over Redis: requests per second relative to bare axum",
        "{http/read/1/redis/of-bare}",
        "{http/read/1/tower-redis/of-bare}",
        "{http/read/1/axum-redis/of-bare}",
    ],
    [
        "passed of {correctness/checks} checks of behaviour, over Redis",
        "{correctness/redis/passed}",
        "{correctness/tower-redis/passed}",
        "{correctness/axum-redis/passed}",
    ],
];

/// Returns the generated block of the README.
pub(super) fn block(report: &Report) -> String {
    let mut lines = vec![report.describe(), String::new()];
    lines.extend(["| | without a session cache | with Cloakroom |", "| --- | --- | --- |"].map(str::to_owned));
    lines.extend(GAINS.iter().map(|row| format!("| {} |", fill(&row.join(" | "), report))));
    lines
        .extend(["", "![Latency of a request with and without](docs/charts/gains-latency.svg)", ""].map(str::to_owned));
    lines.extend(["| | Cloakroom | tower-sessions | axum_session |", "| --- | --- | --- | --- |"].map(str::to_owned));
    lines.extend(LIBRARIES.iter().map(|row| format!("| {} |", fill(&row.join(" | "), report))));
    lines.join("\n") + "\n"
}

/// Returns the keys without a figure.
pub(super) fn missing_keys(report: &Report) -> Vec<&'static str> {
    let cells = GAINS.iter().flatten().chain(LIBRARIES.iter().flatten());
    let keys = cells.flat_map(|cell| cell.split('{').skip(1).filter_map(|part| part.split('}').next()));
    keys.filter(|key| report.figure(key).is_none()).collect()
}

/// Replaces each key in braces by the median of its figure, or by a dash if there is none.
fn fill(template: &str, report: &Report) -> String {
    let mut parts = template.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (key, rest) = part.split_once('}').unwrap_or((part, ""));
        let figure = report.figure(key);
        filled += &figure.map_or_else(|| "–".to_owned(), |figure| Spread::once(figure.spread.median).to_string());
        filled += rest;
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::{Report, fill};
    use crate::machine::Machine;
    use crate::measure::Spread;
    use crate::report::{PartReport, Section};

    #[test]
    fn a_key_is_replaced_by_its_median_and_an_unknown_one_by_a_dash() {
        let mut section = Section::new("", "", [""]);
        section.figure("gains/one", "ms", Spread::of([3.0, 1.0, 2.0]));
        let parts = vec![PartReport { part: "gains".to_owned(), sections: vec![section] }];
        let report = Report { machine: Machine::current(), seed: 0, runs: 1, smoke: true, parts };
        assert_eq!(fill("{gains/one} ms of {gains/two}", &report), "2 ms of –");
    }
}
