use tokio::time::sleep;

use crate::Failure;
use crate::http::LATE;

use super::checks::FULL;
use super::{BRIEF, Ground, Verdict};

pub(super) async fn late_write(Ground { a, b, .. }: &Ground) -> Result<Verdict, Failure> {
    let cookie = a.start().await?;
    let (node, same) = (a.clone(), cookie.clone());
    let late = tokio::spawn(async move { node.ask("POST /late", &same).await });
    sleep(LATE / 3).await;
    let logout = a.ask("POST /logout", &cookie).await?.status;
    let late = late.await??;
    // Also what the late answer might hand out.
    let mut found = vec![a.items(&cookie).await?, b.items(&cookie).await?];
    if let Some(other) = late.sets.filter(|other| *other != cookie) {
        found.push(a.items(&other).await?);
    }
    let seen = format!(
        "POST /late (reads, waits, writes) begins; POST /logout: {logout}; POST /late ends: {}; GET /cart on A and B: {}",
        late.status,
        found.join(", "),
    );
    Ok(Verdict::new(found.iter().all(|found| found != FULL), seen))
}

pub(super) async fn sliding(Ground { brief, .. }: &Ground) -> Result<Verdict, Failure> {
    const PARTS: u32 = 8;
    let cookie = brief.start().await?;
    let mut answers = Vec::new();
    for _ in 0..2 * PARTS {
        sleep(BRIEF / PARTS).await;
        answers.push(brief.items(&cookie).await?);
    }
    let lasted = answers.iter().take_while(|answer| *answer == FULL).count();
    let seen = format!(
        "GET /cart every {:?}, idle timeout {BRIEF:?}: found {lasted} times, then {}",
        BRIEF / PARTS,
        answers[answers.len() - 1]
    );
    Ok(Verdict::new(lasted == answers.len(), seen))
}
