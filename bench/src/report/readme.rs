//! The tables of the README.

use crate::measure::Spread;

use super::{Figure, Report};

/// The rows of the table on gains. A key in braces stands for the median of a figure; `*` for
/// `without` or `with`.
const GAINS: [(&str, &str); 4] = [
    ("a request that reads the cart, PostgreSQL 50 ms away (p50)", "{gains/postgres/50/cart/*/p50} ms"),
    ("a session of 20 such requests", "{gains/postgres/50/sessions/cart/20/*/time} ms"),
    ("database queries in a mixed session of 20 requests", "{gains/postgres/5/sessions/mixed/20/*/queries}"),
    ("requests per second at saturation, PostgreSQL 5 ms away", "{gains/postgres/5/cart/*/rate}"),
];

/// The libraries in memory and over Redis, by their names in figure keys.
const IN_MEMORY: [&str; 3] = ["memory", "tower-memory", "axum-memory"];
const OVER_REDIS: [&str; 3] = ["redis", "tower-redis", "axum-redis"];

/// The same over SQL, which is not measured for `axum_session`.
const OVER_SQLITE: [&str; 3] = ["sqlite", "tower-sqlite-wal", NOT_MEASURED];
const OVER_POSTGRES: [&str; 3] = ["postgres", "tower-postgres", NOT_MEASURED];
const NOT_MEASURED: &str = "";

/// The rows of the table on libraries; `*` stands for the library.
const LIBRARIES: [(&str, &str, [&str; 3]); 8] = [
    (
        "a typed read among 1000 sessions, over bare axum, in process (ns)",
        "{overhead/libraries/read-hot/1/*/difference}",
        IN_MEMORY,
    ),
    (
        "an update among 1000 sessions, over bare axum, in process (ns)",
        "{overhead/libraries/update/1/*/difference}",
        IN_MEMORY,
    ),
    (
        "memory per session in use, a cart of five items (B)",
        "{memory/*/fresh/resident}",
        ["anonymous", "tower-memory", "axum-memory"],
    ),
    ("reads over HTTP, in memory: requests per second relative to bare axum", "{http/read/1/*/of-bare}", IN_MEMORY),
    ("reads over HTTP, over Redis: requests per second relative to bare axum", "{http/read/1/*/of-bare}", OVER_REDIS),
    ("updates over HTTP, in an SQLite file in WAL mode: requests per second", "{http/update/1/*/rate}", OVER_SQLITE),
    ("updates over HTTP, in PostgreSQL: requests per second", "{http/update/1/*/rate}", OVER_POSTGRES),
    ("passed of {correctness/checks} checks of behaviour, over Redis", "{correctness/*/passed}", OVER_REDIS),
];

/// Returns the Markdown of all rows, with keys in braces.
fn rows() -> [Vec<String>; 2] {
    let row = |label: &str, template: &str, names: &[&str]| {
        let cells = names.iter().map(|name| match *name {
            NOT_MEASURED => "–".to_owned(),
            name => template.replace('*', name),
        });
        format!("| {label} | {} |", cells.collect::<Vec<_>>().join(" | "))
    };
    let gains = GAINS.map(|(label, template)| row(label, template, &["without", "with"]));
    [gains.to_vec(), LIBRARIES.map(|(label, template, names)| row(label, template, &names)).to_vec()]
}

/// Returns the generated block of the README.
pub(super) fn block(report: &Report) -> String {
    let mut lines = vec![String::new(), report.describe(), String::new()];
    lines.extend(["| | without a session cache | with Cloakroom |", "| --- | --- | --- |"].map(str::to_owned));
    let [gains, libraries] = rows();
    lines.extend(gains.iter().map(|row| fill(row, |key| report.figure(key))));
    lines
        .extend(["", "![Latency of a request with and without](docs/charts/gains-latency.svg)", ""].map(str::to_owned));
    lines.extend(["| | Cloakroom | tower-sessions | axum_session |", "| --- | --- | --- | --- |"].map(str::to_owned));
    lines.extend(libraries.iter().map(|row| fill(row, |key| report.figure(key))));
    lines.join("\n") + "\n\n"
}

/// Returns the keys without a figure.
pub(super) fn missing_keys(report: &Report) -> Vec<String> {
    let rows = rows().concat();
    let keys = rows.iter().flat_map(|row| row.split('{').skip(1).filter_map(|part| part.split('}').next()));
    keys.filter(|key| report.figure(key).is_none()).map(str::to_owned).collect()
}

/// Replaces each key in braces by the median of its figure, or by a dash if there is none.
pub(crate) fn fill<'a>(template: &str, find: impl Fn(&str) -> Option<&'a Figure>) -> String {
    let mut parts = template.split('{');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (key, rest) = part.split_once('}').unwrap_or((part, ""));
        let figure = find(key);
        filled += &figure.map_or_else(|| "–".to_owned(), |figure| Spread::once(figure.spread.median).to_string());
        filled += rest;
    }
    filled
}

#[cfg(test)]
mod tests {
    use super::{Figure, fill};
    use crate::measure::Spread;

    #[test]
    fn a_key_is_replaced_by_its_median_and_an_unknown_one_by_a_dash() {
        let spread = Spread::of([3.0, 1.0, 2.0]);
        let figure = Figure { key: "gains/one".to_owned(), unit: "ms".to_owned(), spread };
        let find = |key: &str| (key == figure.key).then_some(&figure);
        assert_eq!(fill("{gains/one} ms of {gains/two}", find), "2 ms of –");
    }
}
