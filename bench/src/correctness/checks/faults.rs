use std::time::{Duration, Instant};

use cloakroom_testbed::Proxy;
use tokio::time::sleep;

use crate::Failure;
use crate::arms::LATE;

use super::super::browser::Browser;
use super::super::ground::Ground;
use super::super::talk::Talk;
use super::{FULL, Outcome};

/// The session was started elsewhere, so that nothing of it is in the node's memory.
pub(super) async fn away(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let (site, proxy) = ground.with_proxy().await?;
    let mut browser = Browser::with_session(&ground.a, talk).await?;
    cut(&proxy, talk).await?;
    let asked = browser.ask(&site, "GET /cart").await?;
    mend(&proxy, talk).await?;
    let items = browser.ask(&ground.a, "GET /cart").await?.said();
    let refused = asked.status == 0 || asked.status >= 500;
    let seen = format!("while it is away: {}; back again, the other node counts {items} items", asked.words());
    Ok(Outcome::new(refused && asked.sets.is_empty() && items == FULL, seen))
}

pub(super) async fn late_write(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let (site, proxy) = ground.with_proxy().await?;
    let cookies = Browser::with_session(&site, talk).await?.cookies();
    let fault = async {
        sleep(LATE / 3).await;
        cut(&proxy, talk).await
    };
    let (late, fault) = tokio::join!(site.ask(talk, "POST /late", &cookies), fault);
    fault?;
    let late = late?;
    mend(&proxy, talk).await?;
    let count = ground.a.ask(talk, "GET /count", &cookies).await?.said();
    let honest = late.status != 200 || count == late.body;
    Ok(Outcome::new(honest, format!("answered {}; back again, the other node counts {count}", late.said())))
}

pub(super) async fn back(ground: &Ground, talk: &Talk) -> Result<Outcome, Failure> {
    let (site, proxy) = ground.with_proxy().await?;
    let cookies = Browser::with_session(&ground.a, talk).await?.cookies();
    cut(&proxy, talk).await?;
    site.ask(talk, "GET /cart", &cookies).await?;
    mend(&proxy, talk).await?;
    let began = Instant::now();
    loop {
        let items = site.ask(talk, "GET /cart", &cookies).await?.said();
        if items == FULL || began.elapsed() > Duration::from_secs(10) {
            let seen = format!("{:.1?} after the store is back: {items}", began.elapsed());
            return Ok(Outcome::new(items == FULL, seen));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn cut(proxy: &Proxy, talk: &Talk) -> Result<(), Failure> {
    proxy.refuse().await?;
    proxy.cut().await;
    talk.note("… the way to the store is cut …".to_owned());
    Ok(())
}

async fn mend(proxy: &Proxy, talk: &Talk) -> Result<(), Failure> {
    proxy.accept().await?;
    talk.note("… the store is back …".to_owned());
    Ok(())
}
