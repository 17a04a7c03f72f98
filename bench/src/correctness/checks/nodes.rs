use std::time::{Duration, Instant};

use crate::Failure;

use super::super::browser::Browser;
use super::super::ground::Ground;
use super::super::talk::Talk;
use super::{FULL, Outcome};

pub(super) async fn reads_own_writes(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    const ROUNDS: u32 = 100;
    let (a, b) = (&ground.a, ground.b());
    let mut browser = Browser::with_session(a, talk).await?;
    let mut stale = 0;
    for round in 1..=ROUNDS {
        let (here, there) = if round % 2 == 0 { (a, b) } else { (b, a) };
        browser.ask(there, "GET /count").await?;
        let written = browser.ask(here, "POST /count").await?;
        stale += u32::from(browser.ask(there, "GET /count").await?.body != written.body);
    }
    Ok(Outcome::new(
        stale == 0,
        format!("of {ROUNDS} acknowledged updates the other node then answered {stale} otherwise"),
    ))
}

pub(super) async fn logout_elsewhere(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let (a, b) = (&ground.a, ground.b());
    let mut browser = Browser::with_session(a, talk).await?;
    let cookies = browser.cookies();
    let before = b.ask(talk, "GET /cart", &cookies).await?.said();
    browser.ask(a, "POST /logout").await?;
    let began = Instant::now();
    let mut after = b.ask(talk, "GET /cart", &cookies).await?.said();
    while after == FULL && began.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(10)).await;
        after = b.ask(talk, "GET /cart", &cookies).await?.said();
    }
    let seen =
        format!("items on the other node before the logout: {before}, {:.1?} after it: {after}", began.elapsed());
    Ok(Outcome::new(before == FULL && after != FULL, seen))
}
