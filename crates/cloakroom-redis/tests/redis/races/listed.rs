//! Checks the table of races in `docs/testing.md`: every race has a row, and the tests that it
//! names exist.

use std::collections::BTreeMap;

/// The files with tests of races, by the names that the document uses.
const SOURCES: [(&str, &str); 11] = [
    ("cluster.rs", include_str!("../cluster.rs")),
    ("sentinel.rs", include_str!("../sentinel.rs")),
    ("wire.rs", include_str!("../wire.rs")),
    ("failure/down.rs", include_str!("../failure/down.rs")),
    ("failure/interrupted.rs", include_str!("../failure/interrupted.rs")),
    ("races/fills.rs", include_str!("fills.rs")),
    ("races/lost_invalidations.rs", include_str!("lost_invalidations.rs")),
    ("races/many_writers.rs", include_str!("many_writers.rs")),
    ("races/server_changes.rs", include_str!("server_changes.rs")),
    ("races/time.rs", include_str!("time.rs")),
    ("races/unknown_outcomes.rs", include_str!("unknown_outcomes.rs")),
];

/// The names of all tests in these files.
fn tests() -> Vec<&'static str> {
    SOURCES.iter().flat_map(|(_, source)| source.split("#[tokio::test").skip(1)).filter_map(name).collect()
}

fn name(after_the_attribute: &'static str) -> Option<&'static str> {
    after_the_attribute.split_once("fn ")?.1.split('(').next()
}

/// The tests that the document names for each race, by its number.
fn rows() -> BTreeMap<usize, &'static str> {
    let page = include_str!("../../../../../docs/testing.md");
    let (_, section) = page.split_once("## The twenty races").expect("the document has the table");
    let table = section.lines().skip_while(|line| !line.starts_with("| #")).take_while(|line| line.starts_with('|'));
    let row = |line: &'static str| {
        let cells: Vec<_> = line.split(" | ").collect();
        Some((cells.first()?.trim_start_matches("| ").parse().ok()?, *cells.get(3)?))
    };
    table.filter_map(row).collect()
}

#[test]
fn every_race_has_its_row_and_the_row_names_what_exists() {
    let (rows, tests) = (rows(), tests());
    assert_eq!(rows.keys().copied().collect::<Vec<_>>(), (1..=20).collect::<Vec<_>>());
    for (race, named) in rows {
        let of_race = tests.iter().filter(|test| test.starts_with(&format!("race_{race:02}_"))).count();
        let claimed = ["(two)", "(three)", "(four)", "(five)", "(six)"]
            .iter()
            .position(|count| named.contains(count))
            .map_or(1, |n| n + 2);
        assert_eq!(of_race, claimed, "race {race}: {named}");
        for name in named.split('`').skip(1).step_by(2) {
            let (begins, ends) = name.split_once('…').unwrap_or((name, ""));
            let exists = match begins.ends_with(".rs") {
                true => SOURCES.iter().any(|(file, _)| *file == begins),
                false => tests.iter().any(|test| test.starts_with(begins) && test.ends_with(ends)),
            };
            assert!(exists, "race {race} names {name}, which does not exist");
        }
    }
}

#[test]
fn every_test_of_a_race_has_a_number_of_the_table() {
    let rows = rows();
    for test in tests().iter().filter_map(|test| test.strip_prefix("race_")) {
        let number = test.split('_').next().and_then(|number| number.parse().ok());
        assert!(number.is_some_and(|number| rows.contains_key(&number)), "race_{test}");
    }
}
