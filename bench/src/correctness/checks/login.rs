use crate::Failure;

use super::super::browser::Browser;
use super::super::ground::Ground;
use super::super::talk::Talk;
use super::{FULL, Outcome};

pub(super) async fn changes_the_id(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let mut browser = Browser::with_session(&ground.a, talk).await?;
    let before = browser.cookies();
    let user = browser.ask(&ground.a, "POST /login").await?.said();
    let old = ground.a.ask(talk, "GET /who", &before).await?.said();
    let new = browser.ask(&ground.a, "GET /who").await?.said();
    let right = before != browser.cookies() && old != user && new == user;
    Ok(Outcome::new(right, format!("user {user} logs in; the old id then is user {old}, the new one user {new}")))
}

pub(super) async fn late_read(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    late(ground, talk, "GET /count").await
}

pub(super) async fn late_write(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    late(ground, talk, "POST /count").await
}

/// A request that was sent with the cookies from before the login is answered after it; the browser takes
/// what it gets, as browsers do.
async fn late(ground: &Ground, talk: &Talk, line: &str) -> Result<Outcome, Failure> {
    let mut browser = Browser::with_session(&ground.a, talk).await?;
    let before = browser.cookies();
    let user = browser.ask(&ground.a, "POST /login").await?.said();
    let late = ground.a.ask(talk, line, &before).await?;
    browser.keep(&late);
    let who = browser.ask(&ground.a, "GET /who").await?.said();
    let seen =
        format!("the late answer sets {} cookies; the browser then is user {who} instead of {user}", late.sets.len());
    let fine = format!("the browser is still user {user}");
    Ok(Outcome::new(who == user, if who == user { fine } else { seen }))
}

pub(super) async fn switch(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let mut browser = Browser::with_session(&ground.a, talk).await?;
    browser.ask(&ground.a, "POST /login").await?;
    let before = browser.cookies();
    let user = browser.ask(&ground.a, "POST /switch").await?.said();
    let old = ground.a.ask(talk, "GET /who", &before).await?.said();
    let new = browser.ask(&ground.a, "GET /who").await?.said();
    let right = before != browser.cookies() && old != user && new == user;
    Ok(Outcome::new(right, format!("the next user is {user}; the old id then is user {old}, the browser user {new}")))
}

pub(super) async fn rotate_and_fail(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let mut browser = Browser::with_session(&ground.a, talk).await?;
    let failed = browser.ask(&ground.a, "POST /rotate/fail").await?.status;
    let items = browser.ask(&ground.a, "GET /cart").await?.said();
    Ok(Outcome::new(failed == 500 && items == FULL, format!("answered {failed}; items in the cart then: {items}")))
}
