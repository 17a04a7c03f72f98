//! The files of `dashboards/`.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

/// A graph of the dashboard.
#[derive(Clone, Debug)]
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) unit: String,
    /// The queries, each with the name of its series in the legend.
    pub(crate) queries: Vec<(String, String)>,
}

pub(crate) fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../dashboards").join(name)
}

pub(crate) fn rules() -> String {
    fs::read_to_string(path("alerts.yaml")).expect("the alert rules")
}

pub(crate) fn dashboard() -> Value {
    let text = fs::read_to_string(path("grafana.json")).expect("the dashboard");
    serde_json::from_str(&text).expect("JSON")
}

/// The graphs, with all jobs and nodes selected, and rates over `interval`.
pub(crate) fn panels(interval: &str) -> Vec<Panel> {
    let dashboard = dashboard();
    let panels = dashboard["panels"].as_array().expect("panels");
    let graphs = panels.iter().filter(|panel| panel["type"] != "row");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let filled = |query: String| {
        let query = query.replace("$__rate_interval", interval).replace("$job", ".*").replace("$instance", ".*");
        assert!(!query.contains('$'), "an unknown variable in {query}");
        query
    };
    graphs
        .map(|panel| Panel {
            title: text(&panel["title"]),
            unit: text(&panel["fieldConfig"]["defaults"]["unit"]),
            queries: panel["targets"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|target| (filled(text(&target["expr"])), text(&target["legendFormat"])))
                .collect(),
        })
        .collect()
}
