//! Checks that nodes detect the losses of Redis and report no others.

use super::http::{Connections, HttpRequest};
use crate::report::Finding;
use crate::state::ScenarioState;

/// Asks every node how many losses it detected; where Redis loses no writes, there must be none.
pub(crate) async fn check_rollbacks(scenario: &ScenarioState) {
    for connection in Connections::new(&scenario.nodes).each() {
        match connection.ask(HttpRequest::get("/rollbacks", None)).await {
            Ok(answer) => scenario.tally.rolled_back(answer.view.rollbacks),
            Err(error) => {
                scenario.tally.find(Finding::Odd, || format!("a node does not report its rollbacks: {error}"));
            }
        }
    }
    let noticed = scenario.tally.rollbacks();
    if noticed > 0 && !scenario.has_lost_writes() {
        scenario.tally.find(Finding::Odd, || format!("nodes reported {noticed} losses that did not happen"));
    }
}
