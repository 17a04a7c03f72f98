use crate::Failure;

use super::super::browser::Browser;
use super::super::ground::Ground;
use super::super::talk::Talk;
use super::Outcome;

pub(super) async fn unmodified(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let mut browser = Browser::with_session(&ground.a, talk).await?;
    let mut set = 0;
    for _ in 0..10 {
        set += u32::from(!browser.ask(&ground.a, "GET /cart").await?.sets.is_empty());
    }
    Ok(Outcome::new(set == 0, format!("{set} of 10 answers set a cookie")))
}

pub(super) async fn cache_headers(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let mut browser = Browser::new(talk);
    let started = browser.ask(&ground.a, "POST /start").await?;
    let read = browser.ask(&ground.a, "GET /cart").await?;
    let cookie_is_safe = started.cache_control.contains("no-store");
    let read_is_safe = ["private", "no-store"].iter().any(|word| read.cache_control.contains(word));
    let varies = read.vary.to_ascii_lowercase().contains("cookie");
    let said = |header: &str| if header.is_empty() { "none".to_owned() } else { header.to_owned() };
    let seen = format!(
        "Cache-Control with the cookie: {}; after a read: {}, Vary: {}",
        said(&started.cache_control),
        said(&read.cache_control),
        said(&read.vary)
    );
    Ok(Outcome::new(cookie_is_safe && read_is_safe && varies, seen))
}
