//! The HTTP API of Prometheus.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::Client;
use serde::Deserialize;
use serde_json::Value;

use crate::traffic::http_client;

/// A client of one Prometheus.
pub(crate) struct Api {
    http: Client,
    url: String,
}

/// A series: its labels, and its values with the times at which they were read.
#[derive(Clone, Debug)]
pub(crate) struct Series {
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) points: Vec<(f64, f64)>,
}

/// A rule as Prometheus has understood it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Rule {
    pub(crate) name: String,
    pub(crate) state: String,
    pub(crate) health: String,
}

impl Api {
    pub(crate) fn new(url: String) -> Self {
        Self { http: http_client(), url }
    }

    async fn get(&self, path: &str, parameters: &[(&str, String)]) -> Value {
        let url =
            reqwest::Url::parse_with_params(&format!("{}/api/v1/{path}", self.url), parameters).expect("an address");
        let text = self.http.get(url).send().await.expect("Prometheus answers").text().await.expect("a text");
        let mut answer: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(answer["status"], "success", "{path} {parameters:?}: {text}");
        answer["data"].take()
    }

    /// Evaluates a query at every second from `start` to now.
    pub(crate) async fn range(&self, query: &str, start: f64, step: f64) -> Vec<Series> {
        let parameters = [
            ("query", query.to_owned()),
            ("start", start.to_string()),
            ("end", now().to_string()),
            ("step", step.to_string()),
        ];
        let data = self.get("query_range", &parameters).await;
        let Some(series) = data["result"].as_array() else { panic!("no series of {query}: {data}") };
        series.iter().map(series_of).collect()
    }

    /// The alert rules, with their states.
    pub(crate) async fn rules(&self) -> Vec<Rule> {
        let mut data = self.get("rules", &[]).await;
        let Value::Array(groups) = data["groups"].take() else { panic!("no groups: {data}") };
        let rules = groups.into_iter().map(|mut group| serde_json::from_value::<Vec<Rule>>(group["rules"].take()));
        rules.flat_map(|rules| rules.expect("rules")).collect()
    }

    /// The names of the alerts that fire now.
    pub(crate) async fn firing(&self) -> Vec<String> {
        self.rules().await.into_iter().filter(|rule| rule.state == "firing").map(|rule| rule.name).collect()
    }
}

fn series_of(series: &Value) -> Series {
    let labels = serde_json::from_value(series["metric"].clone()).expect("labels");
    let Some(points) = series["values"].as_array() else { panic!("no values: {series}") };
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok());
    let point = |point: &Value| Some((point[0].as_f64()?, number(&point[1])?));
    Series { labels, points: points.iter().filter_map(point).collect() }
}

/// The time in seconds since the epoch.
pub(crate) fn now() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64())
}
