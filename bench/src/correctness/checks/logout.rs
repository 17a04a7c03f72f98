use tokio::time::sleep;

use crate::Failure;
use crate::arms::LATE;

use super::super::browser::Browser;
use super::super::ground::Ground;
use super::super::talk::Talk;
use super::{FULL, Outcome};

pub(super) async fn late_write(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let mut browser = Browser::with_session(&ground.a, talk).await?;
    let before = browser.cookies();
    let logout = async {
        sleep(LATE / 3).await;
        browser.ask(&ground.a, "POST /logout").await
    };
    let (late, logout) = tokio::join!(ground.a.ask(talk, "POST /late", &before), logout);
    let (late, _) = (late?, logout?);
    let mut found = vec![ground.a.ask(talk, "GET /cart", &before).await?.said()];
    // Also what the late answer hands out.
    browser.keep(&late);
    found.push(browser.ask(&ground.a, "GET /cart").await?.said());
    if ground.b().ask(talk, "GET /cart", &before).await?.said() == FULL {
        found.push(format!("{FULL} on the other node"));
    }
    let right = found.iter().all(|found| !found.starts_with(FULL));
    Ok(Outcome::new(right, format!("items in the cart after the logout: {}", found.join(", "))))
}

pub(super) async fn after_abort(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let mut browser = Browser::with_session(&ground.a, talk).await?;
    let before = browser.cookies();
    ground.a.abort(talk, "POST /late", &before, LATE / 3).await?;
    // Until the server knows.
    sleep(LATE).await;
    browser.ask(&ground.a, "POST /logout").await?;
    let items = ground.a.ask(talk, "GET /cart", &before).await?.said();
    Ok(Outcome::new(items != FULL, format!("items in the cart after the logout: {items}")))
}
