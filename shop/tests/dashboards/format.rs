//! The form of the dashboard, as Grafana expects it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::definitions::{dashboard, panels};

#[test]
fn each_panel_has_a_place_and_an_id_of_its_own() {
    let dashboard = dashboard();
    assert_eq!(dashboard["schemaVersion"], 39);
    let panels = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = panels.iter().map(|panel| panel["id"].as_u64()).collect();
    assert_eq!(ids.len(), panels.len());
    let mut taken = BTreeSet::new();
    for panel in panels {
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().expect("a place"));
        assert!(x + w <= 24, "{panel}");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(taken.insert(cell), "two panels at {cell:?}");
        }
    }
}

#[test]
fn each_query_asks_the_chosen_data_source_for_the_chosen_nodes() {
    let dashboard = dashboard();
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let names: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().unwrap_or_default()).collect();
    assert_eq!(names, ["datasource", "job", "instance"]);
    for panel in dashboard["panels"].as_array().into_iter().flatten().filter(|panel| panel["type"] != "row") {
        assert_eq!(panel["datasource"]["uid"], "${datasource}");
        assert!(panel["description"].as_str().is_some_and(|text| text.len() > 10), "{}", panel["title"]);
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().unwrap_or_default();
            let selectors = query.matches("cloakroom_").count();
            assert_eq!(query.matches("{job=~\"$job\", instance=~\"$instance\"").count(), selectors, "{query}");
            assert_ne!(target["legendFormat"], Value::Null);
        }
    }
}

/// A metric that does not exist is a graph that stays empty.
#[test]
fn each_metric_of_the_dashboard_and_the_alerts_is_in_the_guide() {
    let guide = include_str!("../../../docs/guide/06-events-stats-logs.md");
    let queries = panels("1m").into_iter().flat_map(|panel| panel.queries).map(|(query, _)| query);
    let text: String = queries.chain([crate::definitions::rules()]).collect::<Vec<_>>().join("\n");
    let names: BTreeSet<_> = text
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| word.starts_with("cloakroom_"))
        .collect();
    assert!(names.len() > 20, "{names:?}");
    for name in names {
        let base = ["_bucket", "_count", "_sum"].iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
        assert!(guide.contains(&format!("| `{base}` |")), "{name} is not in the guide");
    }
}
