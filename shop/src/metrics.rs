//! The metrics of the sessions for Prometheus, on a port of their own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use cloakroom::Sessions;
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder};
use tokio::net::TcpListener;

/// The upper bounds of the buckets of durations, in seconds: from a round trip on one machine to the
/// time limit of a store.
const SECONDS: [f64; 12] = [0.0001, 0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0];

/// The interval at which recorded durations are summed up, even if nobody scrapes.
const UPKEEP: Duration = Duration::from_secs(5);

/// Binds the port of the metrics, which only this machine can reach.
pub(crate) async fn bind(port: u16) -> io::Result<TcpListener> {
    TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port))).await
}

/// Serves `GET /metrics` until the process ends.
pub(crate) fn serve(listener: TcpListener, sessions: Sessions) -> Result<(), BuildError> {
    let durations = Matcher::Suffix("_duration_seconds".to_owned());
    let recorder = PrometheusBuilder::new().set_buckets_for_metric(durations, &SECONDS)?.install_recorder()?;
    let upkeep = recorder.clone();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(UPKEEP).await;
            upkeep.run_upkeep();
        }
    });
    let render = async move || {
        sessions.record_metrics();
        recorder.render()
    };
    tokio::spawn(axum::serve(listener, Router::new().route("/metrics", get(render))).into_future());
    Ok(())
}
