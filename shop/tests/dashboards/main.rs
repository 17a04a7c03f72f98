//! The dashboard and the alert rules of `dashboards/`, on a real Prometheus that scrapes two shops
//! over a Redis under load and faults.

#[allow(dead_code, reason = "the picture of the guide uses the rest")]
mod api;
mod cluster;
#[allow(dead_code, reason = "the picture of the guide uses the rest")]
mod definitions;
mod format;
mod traffic;

use std::process::Command;
use std::time::{Duration, Instant};

use api::{Api, now};
use cluster::Cluster;
use traffic::{Traffic, Visitor};

/// How long the test waits for an alert to begin or to end.
const LIMIT: Duration = Duration::from_secs(15);

async fn pause(seconds: f64) {
    tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
}

/// Waits until the alert fires, or fires no more.
async fn await_alert(api: &Api, name: &str, fires: bool) {
    let began = Instant::now();
    loop {
        let firing = api.firing().await;
        if firing.iter().any(|alert| alert == name) == fires {
            return;
        }
        assert!(began.elapsed() < LIMIT, "{name} fires: {}; firing: {firing:?}", !fires);
        pause(0.2).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_query_has_data_and_alerts_fire_with_the_faults_and_not_before() {
    let start = now();
    let cluster = Cluster::start(env!("CARGO_BIN_EXE_cloakroom-shop"), &definitions::rules()).await;
    let api = Api::new(cluster.prometheus.url());
    let traffic = Traffic::start(&cluster.sites(), 6);
    pause(6.0).await;
    let rules = api.rules().await;
    assert_eq!(rules.iter().filter(|rule| rule.state != "inactive").count(), 0, "without a fault: {rules:?}");

    cluster.redis.freeze().await.expect("Redis freezes");
    await_alert(&api, "CloakroomStoreUnavailable", true).await;
    await_alert(&api, "CloakroomLeaseLost", true).await;
    await_alert(&api, "CloakroomStoreErrors", true).await;
    await_alert(&api, "CloakroomStoreSlow", true).await;
    cluster.redis.thaw().expect("Redis goes on");
    await_alert(&api, "CloakroomStoreUnavailable", false).await;
    await_alert(&api, "CloakroomLeaseLost", false).await;

    guess(&cluster).await;
    await_alert(&api, "CloakroomTokensGuessed", true).await;
    traffic.stop().await;
    all_queries_have_data(&api, start).await;
    let unhealthy: Vec<_> = api.rules().await.into_iter().filter(|rule| rule.health != "ok").collect();
    assert!(unhealthy.is_empty(), "{unhealthy:?}");
}

/// Sends tokens that open nothing.
async fn guess(cluster: &Cluster) {
    let mut guesser = Visitor::new(&cluster.sites());
    for _ in 0..800 {
        guesser.cookie = Some("session=guessed".to_owned());
        guesser.get("/cart").await;
    }
}

async fn all_queries_have_data(api: &Api, start: f64) {
    let mut empty = Vec::new();
    for panel in definitions::panels("3s") {
        for (query, _) in panel.queries {
            let series = api.range(&query, start, 1.0).await;
            if !series.iter().any(|series| series.points.iter().any(|(_, value)| value.is_finite())) {
                empty.push(format!("{}: {query}", panel.title));
            }
        }
    }
    assert!(empty.is_empty(), "queries without data:\n{}", empty.join("\n"));
}

fn promtool(arguments: &[&str], file: &str) {
    let output = Command::new("promtool").args(arguments).arg(definitions::path(file)).output();
    let output = output.expect("promtool is installed with prometheus");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn promtool_accepts_the_rules() {
    promtool(&["check", "rules"], "alerts.yaml");
}

#[test]
fn every_alert_fires_on_its_condition_and_not_below_it() {
    promtool(&["test", "rules"], "alerts.test.yaml");
}

#[test]
fn every_alert_is_tested_and_says_what_to_do() {
    let tests = std::fs::read_to_string(definitions::path("alerts.test.yaml")).expect("the tests of the rules");
    let rules = definitions::rules();
    let names: Vec<_> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 10, "{names:?}");
    for name in &names {
        assert!(tests.contains(&format!("alertname=\"{name}\"")), "{name} has no test");
    }
    for field in ["severity: ", "summary: ", "description: "] {
        assert_eq!(rules.matches(field).count(), names.len(), "{field}");
    }
}
