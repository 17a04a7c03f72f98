//! What a recorder of the crate `metrics` received.

use std::collections::BTreeMap;

use metrics_util::MetricKind;
use metrics_util::debugging::{DebugValue, DebuggingRecorder};

/// One metric with its labels, such as `cloakroom_ended_total{reason="idle"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) kind: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) description: String,
}

/// What happened since the recorder was last asked.
pub(crate) fn taken(recorder: &DebuggingRecorder) -> Vec<(Series, Vec<f64>)> {
    let snapshot = recorder.snapshotter().snapshot().into_vec();
    let series = snapshot.into_iter().map(|(key, unit, description, value)| {
        let kind = match key.kind() {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        let labels = key.key().labels().map(|label| (label.key().to_owned(), label.value().to_owned()));
        let series = Series {
            name: key.key().name().to_owned(),
            labels: labels.collect(),
            kind,
            unit: unit.map_or("", |unit| unit.as_str()),
            description: description.map(|text| text.to_string()).unwrap_or_default(),
        };
        let values = match value {
            DebugValue::Counter(count) => vec![count as f64],
            DebugValue::Gauge(value) => vec![f64::from(value)],
            DebugValue::Histogram(values) => values.into_iter().map(f64::from).collect(),
        };
        (series, values)
    });
    series.collect()
}

/// The values of the series with this name and these labels.
pub(crate) fn values(taken: &[(Series, Vec<f64>)], name: &str, labels: &[(&str, &str)]) -> Vec<f64> {
    let has = |series: &Series| labels.iter().all(|(key, value)| series.labels.get(*key).is_some_and(|of| of == value));
    let found = taken.iter().filter(|(series, _)| series.name == name && has(series));
    found.flat_map(|(_, values)| values.clone()).collect()
}
