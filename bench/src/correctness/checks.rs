use std::time::{Duration, Instant};

use crate::Failure;

use super::{Ground, Verdict, lifetimes, parallel};

/// What a full cart answers.
pub(super) const FULL: &str = "5";

/// What Cloakroom gives up for the row before it: of two cookies of one name it believes neither, because
/// nothing says which one the server has set (RFC 6265bis).
pub(super) const TRADED: &str = "a strange cookie of the same name, before or after, does not log out";

/// All checks, in the order of the table.
pub(super) async fn all(ground: &Ground) -> Result<Vec<(&'static str, Verdict)>, Failure> {
    Ok(vec![
        ("160 parallel updates of one session on one node all count", parallel::on_one_node(ground).await?),
        ("the same on two nodes", parallel::on_two_nodes(ground).await?),
        ("after an update on one node, the next request on the other sees it", reads_own_writes(ground).await?),
        ("after a logout on one node, the other refuses the session within 3 s", logout_elsewhere(ground).await?),
        ("a request that is still under way at logout brings nothing back", lifetimes::late_write(ground).await?),
        ("an id that the server never gave out is not taken", unknown_id(ground).await?),
        ("the id of an ended session is not taken again", ended_id(ground).await?),
        ("an answer that changes nothing sets no cookie", unmodified(ground).await?),
        ("reading alone keeps a session alive", lifetimes::sliding(ground).await?),
        ("a planted cookie of another's session is not taken for one's own", planted_cookie(ground).await?),
        (TRADED, strange_cookie(ground).await?),
        ("a malformed cookie beside the right one does not log out", malformed_cookie(ground).await?),
    ])
}

async fn reads_own_writes(Ground { a, b, .. }: &Ground) -> Result<Verdict, Failure> {
    const ROUNDS: u32 = 100;
    let mut cookie = a.start().await?;
    let mut stale = 0;
    for round in 1..=ROUNDS {
        let (here, there) = if round % 2 == 0 { (a, b) } else { (b, a) };
        there.ask("GET /count", &cookie).await?;
        let written = here.ask("POST /count", &cookie).await?;
        cookie = written.sets.unwrap_or(cookie);
        stale += u32::from(there.ask("GET /count", &cookie).await?.body != written.body);
    }
    let seen =
        format!("of {ROUNDS} updates that one node had answered, the other then answered {stale} times another number");
    Ok(Verdict::new(stale == 0, seen))
}

async fn logout_elsewhere(Ground { a, b, .. }: &Ground) -> Result<Verdict, Failure> {
    let cookie = a.start().await?;
    let before = b.items(&cookie).await?;
    let logout = a.ask("POST /logout", &cookie).await?.status;
    let began = Instant::now();
    let mut after = b.items(&cookie).await?;
    while after == FULL && began.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(1)).await;
        after = b.items(&cookie).await?;
    }
    let seen = format!(
        "B: GET /cart: {before}; A: POST /logout: {logout}; B: GET /cart, {:.1?} later: {after}",
        began.elapsed()
    );
    Ok(Verdict::new(before == FULL && after != FULL, seen))
}

async fn unknown_id(Ground { a, .. }: &Ground) -> Result<Verdict, Failure> {
    let real = a.start().await?;
    // Well-formed, and nobody's: the first letter of a value is another.
    let at = real.find('=').map_or(0, |at| at + 1);
    let other = if real[at..].starts_with('A') { "B" } else { "A" };
    let forged = format!("{}{other}{}", &real[..at], &real[at + 1..]);
    taken(a, &forged, "an id with one letter changed").await
}

async fn ended_id(Ground { a, .. }: &Ground) -> Result<Verdict, Failure> {
    let cookie = a.start().await?;
    a.ask("POST /logout", &cookie).await?;
    taken(a, &cookie, "the id of a session after its logout").await
}

async fn taken(node: &super::Browser, cookie: &str, what: &str) -> Result<Verdict, Failure> {
    let reply = node.ask("POST /start", cookie).await?;
    let then = node.items(cookie).await?;
    let another = reply.sets.as_deref().is_some_and(|set| set != cookie);
    let said = if another { "sets another id" } else { "sets no other id" };
    let seen = format!("POST /start with {what}: {}, {said}; GET /cart with it: {then}", reply.status);
    Ok(Verdict::new(another && then != FULL, seen))
}

async fn unmodified(Ground { a, .. }: &Ground) -> Result<Verdict, Failure> {
    let cookie = a.start().await?;
    let mut set = 0;
    for _ in 0..10 {
        set += u32::from(a.ask("GET /cart", &cookie).await?.sets.is_some());
    }
    Ok(Verdict::new(set == 0, format!("GET /cart, ten times: {set} answers with Set-Cookie")))
}

async fn planted_cookie(Ground { a, .. }: &Ground) -> Result<Verdict, Failure> {
    let (own, planted) = (a.start().await?, a.start().await?);
    a.ask("POST /count", &format!("{planted}; {own}")).await?;
    let before = a.ask("GET /count", &planted).await?.body;
    a.ask("POST /count", &format!("{own}; {planted}")).await?;
    let after = a.ask("GET /count", &planted).await?.body;
    let seen = format!(
        "POST /count with the planted cookie before one's own, then GET /count with the planted one alone: {before}; \
         the same with the planted one after: {after}"
    );
    Ok(Verdict::new(before == "0" && after == "0", seen))
}

async fn strange_cookie(Ground { a, .. }: &Ground) -> Result<Verdict, Failure> {
    let cookie = a.start().await?;
    let name = cookie.split('=').next().unwrap_or_default();
    let before = a.items(&format!("{name}=strange; {cookie}")).await?;
    let after = a.items(&format!("{cookie}; {name}=strange")).await?;
    let seen = format!("GET /cart with `{name}=strange` before the right cookie: {before}; after it: {after}");
    Ok(Verdict::new(before == FULL && after == FULL, seen))
}

async fn malformed_cookie(Ground { a, .. }: &Ground) -> Result<Verdict, Failure> {
    let cookie = a.start().await?;
    let found = a.items(&format!("no-equals-sign; ={}; %zz=%; {cookie}", "x")).await?;
    Ok(Verdict::new(found == FULL, format!("GET /cart: {found}")))
}
