//! The table of the guide, compared with what a recorder receives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloakroom::store::StoreErrorKind;
use cloakroom_testkit::Verb;
use metrics_util::debugging::DebuggingRecorder;

use crate::recorder::{Series, taken};
use crate::support::{Deployment, add, load, read, shopper};

const GUIDE: &str = include_str!("../../../../docs/guide/06-events-stats-logs.md");

/// A row of the guide's table: the kind, the unit, and the values of each label.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    kind: String,
    unit: String,
    labels: BTreeMap<String, BTreeSet<String>>,
}

/// Parses the table, whose rows begin with the name of a metric.
fn documented() -> BTreeMap<String, Row> {
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let rows = GUIDE.lines().filter(|line| line.starts_with("| `cloakroom_")).map(cells);
    let rows = rows.map(|cells| {
        let [name, kind, labels, _meaning] = &cells[..] else { panic!("a row of four cells: {cells:?}") };
        let (kind, unit) = kind.split_once(", ").unwrap_or((kind, "count"));
        let labels = labels
            .split("; ")
            .filter_map(|label| label.split_once(": "))
            .map(|(label, values)| (unquoted(label), values.split(", ").map(unquoted).collect()));
        (unquoted(name), Row { kind: kind.to_owned(), unit: unit.to_owned(), labels: labels.collect() })
    });
    rows.collect()
}

fn unquoted(text: &str) -> String {
    text.trim_matches('`').to_owned()
}

/// Does something of everything that is measured, and returns what the recorder received.
async fn everything() -> Vec<Series> {
    let recorder = DebuggingRecorder::new();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let deployment = Deployment::new();
    let sessions = deployment.sessions();
    let visitor = shopper(&sessions).await;
    add(&visitor, &sessions).await;
    let visit = visitor.enter(&sessions);
    load(&visit).await.unwrap();
    visit.login("alice").await.unwrap();
    visit.leave().await;
    deployment.clock.advance(Duration::from_secs(600));
    read(&visitor, &sessions).await;
    sessions.run_pending_tasks().await;
    deployment.store.fail_next(Verb::Commit, StoreErrorKind::Refused);
    let visit = visitor.enter(&sessions);
    visit.update(|cart: &mut crate::support::Cart| cart.0 += 1).await.unwrap_err();
    visit.leave().await;
    sessions.of("alice").list().await.unwrap();
    sessions.users(cloakroom::store::PageRequest::first(10)).await.unwrap();
    sessions.count().await.unwrap();
    sessions.of("alice").revoke_all().await.unwrap();
    let visitor = shopper(&sessions).await;
    let visit = visitor.enter(&sessions);
    visit.destroy().await.unwrap();
    visit.leave().await;
    sessions.record_metrics();
    taken(&recorder).into_iter().map(|(series, _)| series).collect()
}

#[tokio::test(start_paused = true)]
async fn the_guide_lists_every_metric_and_no_other() {
    let (documented, emitted) = (documented(), everything().await);
    let names: BTreeSet<_> = emitted.iter().map(|series| series.name.as_str()).collect();
    let documented_names: BTreeSet<_> = documented.keys().map(String::as_str).collect();
    assert_eq!(names, documented_names);
    for series in &emitted {
        let row = &documented[&series.name];
        assert_eq!((series.kind, series.unit), (row.kind.as_str(), row.unit.as_str()), "{}", series.name);
        assert!(!series.description.is_empty(), "{} has a description", series.name);
        let labels: Vec<_> = series.labels.keys().collect();
        assert_eq!(labels, row.labels.keys().collect::<Vec<_>>(), "{}", series.name);
        for (label, value) in &series.labels {
            assert!(row.labels[label].contains(value), "{}: {label}={value} is not in the guide", series.name);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn counters_have_every_label_from_the_start() {
    let emitted = everything().await;
    for (name, row) in documented().iter().filter(|(_, row)| row.kind == "counter") {
        for (label, values) in &row.labels {
            let seen = emitted.iter().filter(|series| &series.name == name).map(|series| series.labels[label].clone());
            assert_eq!(&seen.collect::<BTreeSet<_>>(), values, "{name}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_statistic_is_a_metric() {
    let emitted = everything().await;
    let stats = cloakroom::Stats::default().iter().count();
    let gauges = 2;
    assert_eq!(emitted.iter().filter(|series| series.kind == "counter").count(), stats - gauges);
}

/// A session's name or its user would be a metric of its own per visitor.
#[tokio::test(start_paused = true)]
async fn no_label_names_a_session_or_a_user() {
    let labels: BTreeSet<_> = everything().await.into_iter().flat_map(|series| series.labels.into_keys()).collect();
    assert_eq!(labels.iter().map(String::as_str).collect::<Vec<_>>(), ["operation", "reason", "result", "tier"]);
}
