//! Draws the picture of the guide's page "Operations": graphs of the dashboard, with what a real
//! Prometheus answers to their queries, from a run of two shops over a Redis that is frozen and killed.
//!
//! ```sh
//! cargo build -p cloakroom-shop
//! cargo run -p cloakroom-shop --example dashboard_picture -- docs/charts/operations.svg
//! ```

#[allow(dead_code, reason = "the test of the dashboard uses the rest")]
#[path = "../../tests/dashboards/api.rs"]
mod api;
#[path = "../../tests/dashboards/cluster.rs"]
mod cluster;
#[allow(dead_code, reason = "the test of the dashboard uses the rest")]
#[path = "../../tests/dashboards/definitions.rs"]
mod definitions;
mod graph;
#[path = "../../tests/dashboards/traffic.rs"]
mod traffic;

use std::env;
use std::time::Duration;

use api::{Api, now};
use cluster::Cluster;
use graph::{Fault, Graph};
use traffic::{Traffic, Visitor};

/// The graphs of the picture, by their titles in the dashboard.
const TITLES: [&str; 9] = [
    "Lookups",
    "Local hits",
    "Ends by reason",
    "Calls",
    "Time of a call",
    "Failed calls",
    "Changes",
    "Availability",
    "Refused tokens",
];

const STEP: f64 = 0.5;

async fn pause(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

#[tokio::main]
async fn main() {
    let file = env::args().nth(1).expect("the name of the SVG file to write");
    let program = env::current_exe().expect("a path").with_file_name("../cloakroom-shop");
    let cluster = Cluster::start(&program.display().to_string(), &definitions::rules()).await;
    let api = Api::new(cluster.prometheus.url());
    let traffic = Traffic::start(&cluster.sites(), 20);
    pause(8.0).await;
    let start = now();
    let faults = run(&cluster).await;
    traffic.stop().await;
    let mut graphs = Vec::new();
    for title in TITLES {
        let panels = definitions::panels("3s");
        let panel = panels.into_iter().find(|panel| panel.title == title).expect("a panel of the dashboard");
        let mut lines = Vec::new();
        for (query, legend) in &panel.queries {
            for series in api.range(query, start, STEP).await {
                let points = series.points.iter().map(|(time, value)| (time - start, *value)).collect();
                lines.push((graph::legend(legend, &series.labels), points));
            }
        }
        graphs.push(Graph { title: panel.title, unit: panel.unit, lines: graph::without_zeros(lines) });
    }
    let faults: Vec<_> =
        faults.into_iter().map(|(name, from, to)| Fault { name, from: from - start, to: to - start }).collect();
    std::fs::write(file, graph::picture(&graphs, &faults, now() - start)).expect("the file is written");
}

/// Lets the faults happen. Returns each with its begin and its end.
async fn run(cluster: &Cluster) -> Vec<(&'static str, f64, f64)> {
    let mut faults = Vec::new();
    pause(17.0).await;
    let frozen = now();
    cluster.redis.freeze().await.expect("Redis freezes");
    pause(5.0).await;
    cluster.redis.thaw().expect("Redis goes on");
    faults.push(("Redis frozen", frozen, now()));
    pause(20.0).await;
    let killed = now();
    cluster.redis.kill().expect("Redis is killed");
    pause(4.0).await;
    cluster.redis.restart().await.expect("Redis starts, empty");
    faults.push(("Redis killed, all data lost", killed, now()));
    pause(18.0).await;
    let guessing = now();
    let mut guesser = Visitor::new(&cluster.sites());
    while now() - guessing < 6.0 {
        guesser.cookie = Some("session=guessed".to_owned());
        guesser.get("/cart").await;
    }
    faults.push(("tokens guessed", guessing, now()));
    pause(10.0).await;
    faults
}
