use std::time::Duration;

use tokio::time::sleep;

use crate::Failure;

use super::super::browser::Browser;
use super::super::ground::Ground;
use super::super::talk::Talk;
use super::{FULL, Outcome};

/// Short enough to wait for: peers have no clock that could be moved.
const BRIEF: Duration = Duration::from_secs(2);

pub(super) async fn sliding(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    const PARTS: u32 = 8;
    let site = ground.with_lifetime(BRIEF)?;
    let mut browser = Browser::with_session(&site, talk).await?;
    let mut answers = Vec::new();
    for _ in 0..2 * PARTS {
        sleep(BRIEF / PARTS).await;
        answers.push(browser.ask(&site, "GET /cart").await?.said());
    }
    let lasted = answers.iter().take_while(|answer| *answer == FULL).count();
    let seen =
        format!("read every {:?}, idle timeout {BRIEF:?}: found {lasted} of {} times", BRIEF / PARTS, answers.len());
    Ok(Outcome::new(lasted == answers.len(), seen))
}

pub(super) async fn left_alone(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let site = ground.with_lifetime(BRIEF)?;
    let cookies = Browser::with_session(&site, talk).await?.cookies();
    sleep(2 * BRIEF).await;
    let items = site.ask(talk, "GET /cart", &cookies).await?.said();
    Ok(Outcome::new(items != FULL, format!("items {:?} later, idle timeout {BRIEF:?}: {items}", 2 * BRIEF)))
}

const GENERATIONS: usize = 5;

/// Generations of sessions that are never seen again. An allocator seldom gives memory back, so what is
/// asked is whether the last generation finds the room of those before.
pub(super) async fn memory(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let (site, sessions) = (ground.with_lifetime(BRIEF)?, ground.size(10_000, 3_000));
    for _ in 0..500 {
        site.ask_quietly("POST /start", "").await?;
    }
    let empty = site.resident_bytes()?;
    let mut grown = Vec::new();
    for generation in 1..=GENERATIONS {
        for _ in 0..sessions {
            site.ask_quietly("POST /start", "").await?;
        }
        let more = site.resident_bytes()?.saturating_sub(empty) >> 10;
        talk.note(format!(
            "C  POST /start  (×{sessions}, generation {generation})  →  {more} KiB more than at the start"
        ));
        grown.push(more);
        sleep(2 * BRIEF).await;
        talk.note(format!("… {:?} pass, idle timeout {BRIEF:?} …", 2 * BRIEF));
    }
    // The first ones fill what an allocator keeps for each thread; a node that keeps nothing of a session grows by nothing
    // that matters then.
    let last = grown[GENERATIONS - 1].saturating_sub(grown[GENERATIONS - 2]);
    let right = last < grown[0] / 2 || last * 1024 < 100 * sessions as u64;
    let seen =
        format!("{sessions} sessions come and expire, {GENERATIONS} times: {} KiB more in the process", join(&grown));
    Ok(Outcome::new(right, seen))
}

fn join(numbers: &[u64]) -> String {
    numbers.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
}
