//! Parallel updates, updates on several nodes, and failures of the store.

use std::time::{Duration, Instant};

use cloakroom_testbed::Proxy;
use futures_util::future::try_join_all;
use tokio::time::sleep;

use crate::Result;
use crate::targets::SLOW_WRITE_DELAY;

use super::super::client::Node;
use super::super::setup::Context;
use super::{FULL_CART, Outcome};

pub(super) async fn parallel_on_one_node(cx: &Context<'_>) -> Result<Outcome> {
    parallel_updates(cx, &[cx.first()]).await
}

pub(super) async fn parallel_on_two_nodes(cx: &Context<'_>) -> Result<Outcome> {
    parallel_updates(cx, &[cx.first(), cx.second()]).await
}

async fn parallel_updates(cx: &Context<'_>, nodes: &[&Node]) -> Result<Outcome> {
    const UPDATES: usize = 160;
    let mut browser = cx.browser(nodes[0]).await?;
    let cookies = browser.cookies();
    let mut acknowledged = 0;
    let updates = (0..UPDATES).map(|index| nodes[index % nodes.len()].send("POST /count", &cookies));
    for response in try_join_all(updates).await? {
        acknowledged += usize::from(response.status == 200);
        browser.keep_cookies(&response);
    }
    cx.note(format!("POST /count, {UPDATES} at a time on {} node(s)", nodes.len()));
    let mut counters = Vec::new();
    for node in nodes {
        counters.push(browser.read(node, "GET /count").await?);
    }
    let passed = acknowledged == UPDATES && counters.iter().all(|counter| *counter == UPDATES.to_string());
    let counters = counters.join(" and ");
    Ok(Outcome::new(passed, format!("{acknowledged} of {UPDATES} acknowledged; the counter is then {counters}")))
}

pub(super) async fn next_request_elsewhere(cx: &Context<'_>) -> Result<Outcome> {
    const UPDATES: u32 = 100;
    let mut browser = cx.browser(cx.first()).await?;
    let mut stale = 0;
    for update in 0..UPDATES {
        let (writer, reader) = if update % 2 == 0 { (cx.second(), cx.first()) } else { (cx.first(), cx.second()) };
        browser.send(reader, "GET /count").await?;
        let written = browser.send(writer, "POST /count").await?;
        stale += u32::from(browser.send(reader, "GET /count").await?.body != written.body);
    }
    let summary = format!("after {stale} of {UPDATES} acknowledged updates the other node returned another value");
    Ok(Outcome::new(stale == 0, summary))
}

pub(super) async fn killed(cx: &Context<'_>) -> Result<Outcome> {
    const UPDATES: usize = 20;
    let start = cx.restarts();
    let node = start()?;
    let mut browser = cx.browser(&node).await?;
    for _ in 0..UPDATES {
        browser.send(&node, "POST /count").await?;
    }
    drop(node);
    cx.note("… the process is killed, and another started …".to_owned());
    let counter = browser.read(&start()?, "GET /count").await?;
    Ok(Outcome::new(counter == UPDATES.to_string(), format!("after {UPDATES} updates and a kill: {counter}")))
}

/// The session was started on another node, so that this one has nothing of it in memory.
pub(super) async fn store_unreachable(cx: &Context<'_>) -> Result<Outcome> {
    let (node, proxy) = cx.start_node_with_proxy().await?;
    let mut browser = cx.browser(cx.first()).await?;
    disconnect(cx, &proxy).await?;
    let response = browser.send(&node, "GET /cart").await?;
    reconnect(cx, &proxy).await?;
    let items = browser.read(cx.first(), "GET /cart").await?;
    let is_error = response.status == 0 || response.status >= 500;
    let summary = format!("while unreachable: {}; then the other node counts {items} items", response.describe());
    Ok(Outcome::new(is_error && response.set_cookies.is_empty() && items == FULL_CART, summary))
}

pub(super) async fn store_fails_during_write(cx: &Context<'_>) -> Result<Outcome> {
    let (node, proxy) = cx.start_node_with_proxy().await?;
    let cookies = cx.session_cookies(&node).await?;
    let fault = async {
        sleep(SLOW_WRITE_DELAY / 3).await;
        disconnect(cx, &proxy).await
    };
    let (response, fault) = tokio::join!(cx.send(&node, "POST /late", &cookies), fault);
    fault?;
    let response = response?;
    reconnect(cx, &proxy).await?;
    let counter = cx.read(cx.first(), "GET /count", &cookies).await?;
    let passed = response.status != 200 || counter == response.body;
    let summary = format!("the response is {}; then the other node counts {counter}", response.text());
    Ok(Outcome::new(passed, summary))
}

pub(super) async fn store_returns(cx: &Context<'_>) -> Result<Outcome> {
    let (node, proxy) = cx.start_node_with_proxy().await?;
    let cookies = cx.session_cookies(cx.first()).await?;
    disconnect(cx, &proxy).await?;
    cx.send(&node, "GET /cart", &cookies).await?;
    reconnect(cx, &proxy).await?;
    let began = Instant::now();
    loop {
        let items = cx.read(&node, "GET /cart", &cookies).await?;
        if items == FULL_CART || began.elapsed() > Duration::from_secs(10) {
            let summary = format!("{:.1?} after the store is back: {items}", began.elapsed());
            return Ok(Outcome::new(items == FULL_CART, summary));
        }
        sleep(Duration::from_millis(100)).await;
    }
}

async fn disconnect(cx: &Context<'_>, proxy: &Proxy) -> Result<()> {
    proxy.refuse().await?;
    proxy.cut().await;
    cx.note("… the store becomes unreachable …".to_owned());
    Ok(())
}

async fn reconnect(cx: &Context<'_>, proxy: &Proxy) -> Result<()> {
    proxy.accept().await?;
    cx.note("… the store is back …".to_owned());
    Ok(())
}
