use futures_util::future::try_join_all;

use crate::Failure;

use super::super::browser::Browser;
use super::super::ground::Ground;
use super::super::site::Site;
use super::super::talk::Talk;
use super::Outcome;

const ROUNDS: usize = 1;
const AT_ONCE: usize = 160;

pub(super) async fn on_one_node(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    updates(&[&ground.a], talk).await
}

pub(super) async fn on_two_nodes(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    updates(&[&ground.a, ground.b()], talk).await
}

/// Rounds of parallel updates, as a page that sends several requests does.
async fn updates(nodes: &[&Site], talk: &Talk) -> Result<Outcome, Failure> {
    let mut browser = Browser::with_session(nodes[0], talk).await?;
    let mut acknowledged = 0;
    for _ in 0..ROUNDS {
        let cookies = browser.cookies();
        let asked = (0..AT_ONCE).map(|index| nodes[index % nodes.len()].ask_quietly("POST /count", &cookies));
        for answer in try_join_all(asked).await? {
            acknowledged += usize::from(answer.status == 200);
            browser.keep(&answer);
        }
        talk.note(format!("POST /count, {AT_ONCE} at a time on {} node(s)", nodes.len()));
    }
    let mut found = Vec::new();
    for node in nodes {
        found.push(browser.ask(node, "GET /count").await?.said());
    }
    let sent = ROUNDS * AT_ONCE;
    let right = acknowledged == sent && found.iter().all(|found| *found == sent.to_string());
    Ok(Outcome::new(right, format!("{acknowledged} of {sent} acknowledged, then counted {}", found.join(" and "))))
}
