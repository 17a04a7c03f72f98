use crate::Failure;

use super::{Browser, Ground, Verdict};

const ROUNDS: usize = 20;
const AT_ONCE: usize = 8;

pub(super) async fn on_one_node(Ground { a, .. }: &Ground) -> Result<Verdict, Failure> {
    updates(std::slice::from_ref(a), a).await
}

pub(super) async fn on_two_nodes(Ground { a, b, .. }: &Ground) -> Result<Verdict, Failure> {
    updates(&[a.clone(), b.clone()], a).await
}

/// Rounds of parallel updates, as a page that sends several requests does.
async fn updates(nodes: &[Browser], counter: &Browser) -> Result<Verdict, Failure> {
    let cookie = counter.start().await?;
    let mut acknowledged = 0;
    for _ in 0..ROUNDS {
        let asked: Vec<_> =
            (0..AT_ONCE).map(|index| update(nodes[index % nodes.len()].clone(), cookie.clone())).collect();
        let asked: Vec<_> = asked.into_iter().map(tokio::spawn).collect();
        for task in asked {
            acknowledged += u32::from(task.await??);
        }
    }
    let mut found = Vec::new();
    for node in nodes {
        found.push(node.ask("GET /count", &cookie).await?.body);
    }
    let sent = ROUNDS * AT_ONCE;
    let right = acknowledged as usize == sent && found.iter().all(|found| *found == sent.to_string());
    let seen = format!(
        "POST /count, {AT_ONCE} at a time: {acknowledged} of {sent} acknowledged; GET /count: {}",
        found.join(" and ")
    );
    Ok(Verdict::new(right, seen))
}

async fn update(node: Browser, cookie: String) -> Result<bool, Failure> {
    Ok(node.ask("POST /count", &cookie).await?.status == 200)
}
