//! The claims of the documents: every requirement has its row, the tests and files that they name
//! exist, and every dependency has its reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of all tests in the workspace.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders: Vec<_> =
        ["crates", "shop", "testbed", "checker", "secret-scan"].map(|name| root().join(name)).into();
    while let Some(folder) = folders.pop() {
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                names.extend(tests_in(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    names
}

fn tests_in(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut is_test = false;
    for line in source.lines().map(str::trim) {
        if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            is_test = true;
        } else if let Some((_, rest)) = line.split_once("fn ").filter(|_| is_test) {
            names.extend(rest.split('(').next().map(str::to_owned));
            is_test = false;
        }
    }
    names
}

/// Backticked words that can only be the name of a test.
fn test_names(text: &str) -> Vec<&str> {
    let quoted = text.split('`').skip(1).step_by(2);
    let is_name = |text: &&str| {
        text.matches('_').count() >= 3
            && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    };
    quoted.filter(is_name).collect()
}

#[test]
fn every_test_that_the_security_page_names_exists() {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let tests = tests();
    let claimed = test_names(&page);
    assert!(claimed.len() >= 20, "{}", claimed.len());
    let missing: Vec<_> = claimed.iter().filter(|name| !tests.contains(**name)).collect();
    assert!(missing.is_empty(), "SECURITY.md names tests that do not exist: {missing:#?}");
}

/// The rows of the table of requirements, each with its number.
fn requirements(page: &str) -> Vec<(u32, &str)> {
    let number = |row: &str| row.strip_prefix("| R")?.split_once(' ')?.0.parse().ok();
    page.lines().filter_map(|row| Some((number(row)?, row))).collect()
}

/// Returns whether a test belongs to this requirement, by the numbers at the start of its name:
/// `r08_…`, `r20_r22_…`, `r42_to_r47_…`.
fn is_test_of(name: &str, requirement: u32) -> bool {
    let number = |word: &str| word.strip_prefix('r').filter(|digits| digits.len() == 2)?.parse::<u32>().ok();
    let mut words = name.split('_').peekable();
    let mut last = 0;
    while let Some(word) = words.next() {
        match (number(word), word) {
            (Some(one), _) if one == requirement => return true,
            (Some(one), _) => last = one,
            (None, "to") => {
                return words.peek().and_then(|end| number(end)).is_some_and(|end| (last..=end).contains(&requirement));
            }
            (None, _) => return false,
        }
    }
    false
}

#[test]
fn every_requirement_has_a_row_and_tests_of_its_own_number() {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let rows = requirements(&page);
    assert_eq!(rows.iter().map(|(number, _)| *number).collect::<Vec<_>>(), Vec::from_iter(1..=73));
    for (number, row) in rows {
        let tests = test_names(row);
        let unrelated: Vec<_> = tests.iter().filter(|test| !is_test_of(test, number)).collect();
        assert!(unrelated.is_empty(), "R{number:02} names tests of other requirements: {unrelated:?}");
        assert!(!tests.is_empty() || row.contains("| nothing to prove |"), "R{number:02} names no test");
        assert_eq!(row.matches(" | ").count(), 4, "R{number:02} has five columns");
    }
}

#[test]
fn every_file_that_the_security_page_names_exists() {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let files: Vec<_> = page.split('`').skip(1).step_by(2).filter(|text| text.ends_with(".rs")).collect();
    assert!(files.len() >= 100, "{}", files.len());
    let exists = |file: &str| {
        ["crates/cloakroom/src", "crates/cloakroom-redis/src", "crates/cloakroom/tests", "crates"]
            .iter()
            .any(|folder| root().join(folder).join(file).exists())
    };
    let missing: Vec<_> = files.iter().filter(|file| !exists(file)).collect();
    assert!(missing.is_empty(), "SECURITY.md names files that do not exist: {missing:#?}");
}

#[test]
fn every_advisory_that_the_security_page_lists_has_a_test() {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ") && line.contains("CVE-")).collect();
    assert!(rows.len() >= 12, "{}", rows.len());
    let untested: Vec<_> = rows.iter().filter(|row| test_names(row).is_empty()).collect();
    assert!(untested.is_empty(), "{untested:#?}");
}

/// The dependencies of the published crates, without those for tests.
fn dependencies() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for published in fs::read_dir(root().join("crates")).unwrap() {
        let manifest = fs::read_to_string(published.unwrap().path().join("Cargo.toml")).unwrap();
        let mut listed = false;
        for line in manifest.lines() {
            if let Some(section) = line.strip_prefix('[') {
                listed = section.ends_with("dependencies]") && !section.contains("dev-");
            } else if let Some((name, _)) =
                line.split_once(['.', ' ']).filter(|(name, _)| listed && !name.starts_with('#'))
            {
                names.insert(name.to_owned());
            }
        }
    }
    names.retain(|name| !name.starts_with("cloakroom"));
    names
}

/// The crates for which the table of dependencies gives a reason.
fn reasons(design: &str) -> Vec<&str> {
    let (_, table) = design.split_once("# Dependencies").unwrap();
    let rows = table.lines().filter_map(|line| line.strip_prefix("| ")?.split(['|', '(']).next());
    rows.flat_map(|crates| crates.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn r70_every_dependency_has_its_reason_in_the_design_once() {
    let design = fs::read_to_string(root().join("docs/dependencies.md")).unwrap();
    let reasons = reasons(&design);
    let names = dependencies();
    assert!(names.len() > 20, "{names:?}");
    let count_of = |name: &str| reasons.iter().filter(|reason| **reason == name).count();
    let wrong: Vec<_> = names.iter().filter(|name| count_of(name) != 1).collect();
    assert!(wrong.is_empty(), "crates without exactly one reason in docs/dependencies.md: {wrong:?}");
}
