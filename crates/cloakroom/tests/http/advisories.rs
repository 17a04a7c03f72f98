//! What the documents claim: that the tests exist which they name, and that every dependency has its reason.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// The names of all tests of the workspace.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut folders: Vec<_> = ["crates", "shop", "testbed", "checker", "hygiene"].map(|name| root().join(name)).into();
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

/// What stands between backticks and can only be the name of a test.
fn named(text: &str) -> Vec<&str> {
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
    let claimed = named(&page);
    assert!(claimed.len() >= 20, "{}", claimed.len());
    let missing: Vec<_> = claimed.iter().filter(|name| !tests.contains(**name)).collect();
    assert!(missing.is_empty(), "SECURITY.md names tests that do not exist: {missing:#?}");
}

#[test]
fn every_advisory_that_the_security_page_lists_has_a_test() {
    let page = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ") && line.contains("CVE-")).collect();
    assert!(rows.len() >= 12, "{}", rows.len());
    let untested: Vec<_> = rows.iter().filter(|row| named(row).is_empty()).collect();
    assert!(untested.is_empty(), "{untested:#?}");
}

/// The dependencies of the published crates, those of tests left out.
fn dependencies() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for published in ["cloakroom", "cloakroom-redis"] {
        let manifest = fs::read_to_string(root().join("crates").join(published).join("Cargo.toml")).unwrap();
        let mut listed = false;
        for line in manifest.lines() {
            if let Some(section) = line.strip_prefix('[') {
                listed =
                    section.ends_with("dependencies]") && !section.contains("dev-") && !section.contains("shuttle");
            } else if let Some((name, _)) =
                line.split_once(['.', ' ']).filter(|(name, _)| listed && !name.starts_with('#'))
            {
                names.insert(name.to_owned());
            }
        }
    }
    names.remove("cloakroom");
    names
}

#[test]
fn every_dependency_has_its_reason_in_the_design() {
    let design = fs::read_to_string(root().join("docs/design.md")).unwrap();
    let (_, table) = design.split_once("## Dependencies").unwrap();
    let rows: Vec<_> = table.lines().filter_map(|line| line.strip_prefix("| `")?.split(" | ").next()).collect();
    let reasons: BTreeSet<_> = rows.iter().flat_map(|row| row.split('`')).collect();
    let names = dependencies();
    assert!(names.len() > 20, "{names:?}");
    let missing: Vec<_> = names.iter().filter(|name| !reasons.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "without a reason in docs/design.md: {missing:?}");
}
