use crate::Failure;

use super::super::browser::Browser;
use super::super::ground::Ground;
use super::super::talk::Talk;
use super::{FULL, Outcome};

pub(super) async fn unknown(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let real = Browser::with_session(&ground.a, talk).await?.cookies();
    taken(ground, talk, &changed(&real)).await
}

pub(super) async fn ended(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let mut browser = Browser::with_session(&ground.a, talk).await?;
    let ended = browser.cookies();
    browser.ask(&ground.a, "POST /logout").await?;
    taken(ground, talk, &ended).await
}

/// Well-formed, and nobody's: one letter of the value is another.
fn changed(cookie: &str) -> String {
    let at = cookie.find('=').map_or(0, |at| at + 1);
    let other = if cookie[at..].starts_with('a') { "b" } else { "a" };
    format!("{}{other}{}", &cookie[..at], &cookie[at + 1..])
}

async fn taken(ground: &Ground, talk: &Talk, cookie: &str) -> Result<Outcome, Failure> {
    let answer = ground.a.ask(talk, "POST /start", cookie).await?;
    let then = ground.a.ask(talk, "GET /cart", cookie).await?.said();
    let another = answer.sets.iter().any(|set| set.split(';').next() != Some(cookie));
    let seen = format!("a session is started with it; items under that very id then: {then}");
    Ok(Outcome::new(another && then != FULL, seen))
}
