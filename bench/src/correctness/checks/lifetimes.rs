//! Lifetimes of sessions, and the memory that sessions and requests leave behind.

use std::time::Duration;

use tokio::time::sleep;

use crate::Result;
use crate::targets::IDLE_TIMEOUT;

use super::super::setup::Context;
use super::{FULL_CART, Outcome};

/// Short enough to wait for, because the other libraries have no manual clock.
const SHORT_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) async fn reads_extend(cx: &Context<'_>) -> Result<Outcome> {
    const READS_PER_TIMEOUT: u32 = 8;
    let interval = SHORT_TIMEOUT / READS_PER_TIMEOUT;
    let node = cx.start_node(SHORT_TIMEOUT)?;
    let mut browser = cx.browser(&node).await?;
    let mut items = Vec::new();
    for _ in 0..2 * READS_PER_TIMEOUT {
        sleep(interval).await;
        items.push(browser.read(&node, "GET /cart").await?);
    }
    let (found, reads) = (items.iter().take_while(|items| *items == FULL_CART).count(), items.len());
    let summary = format!("read every {interval:?}, idle timeout {SHORT_TIMEOUT:?}: found {found} of {reads} times");
    Ok(Outcome::new(found == reads, summary))
}

pub(super) async fn idle_session_ends(cx: &Context<'_>) -> Result<Outcome> {
    let node = cx.start_node(SHORT_TIMEOUT)?;
    let cookies = cx.session_cookies(&node).await?;
    sleep(2 * SHORT_TIMEOUT).await;
    let items = cx.read(&node, "GET /cart", &cookies).await?;
    let summary = format!("items after {:?}, idle timeout {SHORT_TIMEOUT:?}: {items}", 2 * SHORT_TIMEOUT);
    Ok(Outcome::new(items != FULL_CART, summary))
}

/// Creates generations of sessions that expire. An allocator seldom returns memory, so the check is
/// whether the last generation reuses that of the earlier ones.
pub(super) async fn memory(cx: &Context<'_>) -> Result<Outcome> {
    const GENERATIONS: usize = 5;
    const STEP: u64 = 512 << 10;
    let (node, sessions) = (cx.start_node(SHORT_TIMEOUT)?, cx.size(10_000, 3_000));
    for _ in 0..500 {
        node.send("POST /start", "").await?;
    }
    let empty = node.resident_bytes()?;
    let mut growth = Vec::new();
    for generation in 1..=GENERATIONS {
        for _ in 0..sessions {
            node.send("POST /start", "").await?;
        }
        let kib = node.resident_bytes()?.saturating_sub(empty) >> 10;
        cx.note(format!("C  POST /start  (×{sessions}, generation {generation})  →  {kib} KiB more than at the start"));
        growth.push(kib);
        sleep(2 * SHORT_TIMEOUT).await;
        cx.note(format!("… {:?} pass, idle timeout {SHORT_TIMEOUT:?} …", 2 * SHORT_TIMEOUT));
    }
    // The first generations fill the allocator's caches of each thread, which take their memory in
    // large steps.
    let last = growth[GENERATIONS - 1].saturating_sub(growth[GENERATIONS - 2]);
    let passed = last < growth[0] / 2 || last * 1024 < 100 * sessions as u64 + STEP;
    let growth = growth.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    let summary = format!("{sessions} sessions are created and expire, {GENERATIONS} times: {growth} KiB more");
    Ok(Outcome::new(passed, summary))
}

pub(super) async fn anonymous(cx: &Context<'_>) -> Result<Outcome> {
    send_reads(cx, |_| String::new()).await
}

pub(super) async fn invented_ids(cx: &Context<'_>) -> Result<Outcome> {
    let real = cx.session_cookies(cx.first()).await?;
    let real = real.split("; ").next().unwrap_or_default();
    let (name, value) = real.split_once('=').ok_or("a session cookie without a value")?;
    // As long as a real id, of characters that every alphabet has. UUIDs keep their hyphens.
    let invent = |number: usize| {
        let digits = format!("{number:064x}");
        let digit = |(at, real): (usize, char)| match real {
            '-' => '-',
            _ => char::from(digits.as_bytes()[digits.len() - 1 - at % digits.len()]),
        };
        format!("{name}={}", value.chars().enumerate().map(digit).collect::<String>())
    };
    send_reads(cx, invent).await
}

/// Sends reads of a cart to another node, each with another cookie.
async fn send_reads(cx: &Context<'_>, cookie: impl Fn(usize) -> String) -> Result<Outcome> {
    const WARM_UP: usize = 2_000;
    /// Less than any session, more than the noise of a process.
    const MAX_BYTES_PER_REQUEST: u64 = 200;
    let (node, requests) = (cx.start_node(IDLE_TIMEOUT)?, cx.size(20_000, 5_000));
    for number in 0..WARM_UP {
        node.send("GET /cart", &cookie(number)).await?;
    }
    let (keys, resident, mut issued) = (cx.store_entries().await?, node.resident_bytes()?, 0);
    for number in WARM_UP..WARM_UP + requests {
        issued += usize::from(node.send("GET /cart", &cookie(number)).await?.issues_cookie());
    }
    let last = cx.send(&node, "GET /cart", &cookie(WARM_UP + requests)).await?;
    let keys = cx.store_entries().await?.saturating_sub(keys);
    let bytes = node.resident_bytes()?.saturating_sub(resident) / requests as u64;
    let summary = format!(
        "{requests} reads: {issued} responses issue an id, {keys} more keys or rows in the store, {bytes} more bytes a request in \
         the process"
    );
    cx.note(summary.clone());
    let passed = issued == 0 && keys == 0 && bytes < MAX_BYTES_PER_REQUEST && !last.issues_cookie();
    Ok(Outcome::new(passed, summary))
}
