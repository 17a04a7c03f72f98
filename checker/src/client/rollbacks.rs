//! Whether nodes noticed that Redis had lost something, and nothing else.

use super::http::{Connections, HttpRequest};
use crate::report::Finding;
use crate::state::ScenarioState;

/// Asks every node how often it noticed a loss. Where Redis loses no writes, there is nothing to notice.
pub(crate) async fn check_rollbacks(world: &ScenarioState) {
    for line in Connections::new(&world.nodes).each() {
        match line.ask(HttpRequest::get("/rollbacks", None)).await {
            Ok(answer) => world.tally.rolled_back(answer.view.rollbacks),
            Err(error) => world.tally.find(Finding::Odd, || format!("a node does not say what it noticed: {error}")),
        }
    }
    let noticed = world.tally.rollbacks();
    if noticed > 0 && !world.has_lost_writes() {
        world.tally.find(Finding::Odd, || format!("{noticed} losses were noticed that there were not"));
    }
}
