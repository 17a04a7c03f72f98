use crate::Failure;

use super::super::browser::Browser;
use super::super::ground::Ground;
use super::super::talk::Talk;
use super::{FULL, Outcome};

/// Somebody on a sibling domain plants the cookie of a session of theirs, to see what its victim puts in.
pub(super) async fn planted(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let own = Browser::with_session(&ground.a, talk).await?.cookies();
    let planted = Browser::with_session(&ground.a, talk).await?.cookies();
    ground.a.ask(talk, "POST /count", &format!("{planted}; {own}")).await?;
    let before = ground.a.ask(talk, "GET /count", &planted).await?.said();
    ground.a.ask(talk, "POST /count", &format!("{own}; {planted}")).await?;
    let after = ground.a.ask(talk, "GET /count", &planted).await?.said();
    let seen = format!("in the planted session after an update with it first: {before}, and with it last: {after}");
    Ok(Outcome::new(before == "0" && after == "0", seen))
}

/// A name that is percent-encoded gets around what browsers promise of `__Host-`.
pub(super) async fn encoded_name(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let cookie = Browser::with_session(&ground.a, talk).await?.cookies();
    let first = cookie.bytes().next().unwrap_or_default();
    let encoded = format!("%{first:02X}{}", &cookie[1..]);
    let items = ground.a.ask(talk, "GET /cart", &encoded).await?.said();
    Ok(Outcome::new(items != FULL, format!("items in the cart: {items}")))
}

pub(super) async fn strange(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let cookie = Browser::with_session(&ground.a, talk).await?.cookies();
    let name = cookie.split('=').next().unwrap_or_default();
    let before = ground.a.ask(talk, "GET /cart", &format!("{name}=strange; {cookie}")).await?.said();
    let after = ground.a.ask(talk, "GET /cart", &format!("{cookie}; {name}=strange")).await?.said();
    let seen = format!("items with the strange one first: {before}, and with it last: {after}");
    Ok(Outcome::new(before == FULL && after == FULL, seen))
}

pub(super) async fn malformed(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let cookie = Browser::with_session(&ground.a, talk).await?.cookies();
    let items = ground.a.ask(talk, "GET /cart", &format!("no-equals-sign; =x; %zz=%; {cookie}")).await?.said();
    Ok(Outcome::new(items == FULL, format!("items in the cart: {items}")))
}
