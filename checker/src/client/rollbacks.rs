//! Checks that nodes detect the losses of Redis, report each once, and report no others.

use super::http::{Connections, HttpRequest};
use crate::report::Finding;
use crate::state::ScenarioState;

/// Asks every node how many losses it detected: at most one for each time that a server lost writes and
/// each of the clients, because the response gives the client a newer hint.
pub(crate) async fn check_rollbacks(scenario: &ScenarioState, clients: u64) {
    for connection in Connections::new(&scenario.nodes).each() {
        match connection.ask(HttpRequest::get("/rollbacks", None)).await {
            Ok(answer) => scenario.tally.rolled_back(answer.view.rollbacks),
            Err(error) => {
                scenario.tally.find(Finding::Odd, || format!("a node does not report its rollbacks: {error}"));
            }
        }
    }
    let noticed = scenario.tally.rollbacks();
    let possible = scenario.losses_of_writes() * clients;
    if noticed > possible {
        let text = || format!("nodes reported {noticed} losses of writes, and {possible} were possible");
        scenario.tally.find(Finding::Odd, text);
    }
}
