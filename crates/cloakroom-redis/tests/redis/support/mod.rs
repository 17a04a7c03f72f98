//! Support for the tests on real servers: nodes behind proxies that inject faults, and clients that
//! keep a cookie.

mod app;
mod deployment;
mod node;
#[path = "../../../../cloakroom/tests/support/recording.rs"]
mod recording;
mod values;
#[path = "../../../../cloakroom/tests/model/visitor.rs"]
mod visitor;

use std::time::Duration;

pub(crate) use app::{Browser, app, app_that};
pub(crate) use deployment::{Deployment, LONG, NAMESPACE, SET_FIELD, key};
pub(crate) use node::{Node, selector_of, without_hint};
pub(crate) use recording::recorded;
pub(crate) use values::{Count, Note};
pub(crate) use visitor::Visitor;

/// Longer than any step on a busy machine; only failing tests wait this long.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// Polls until `holds` returns `true`.
pub(crate) async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let end = tokio::time::Instant::now() + LIMIT;
    while !holds().await {
        assert!(tokio::time::Instant::now() < end, "timed out waiting until {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
