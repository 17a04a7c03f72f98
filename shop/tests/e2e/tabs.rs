//! Two tabs of one browser, at two nodes: what one changes, the other shows by itself.

use std::time::Duration;

use crate::browser::{Browser, Tab};
use crate::nodes::{Shared, two};

/// Notes when an element of the page has a text for the first time, in milliseconds since the epoch.
fn note_when(selector: &str, text: &str) -> String {
    format!(
        "window.seen = null;
         const look = () => {{
           const found = document.querySelector({selector:?});
           if (found && found.textContent.trim() === {text:?} && window.seen === null) window.seen = Date.now();
         }};
         new MutationObserver(look).observe(document, {{ subtree: true, childList: true, characterData: true }});
         look();"
    )
}

/// Returns how long after `since` the text of [`note_when`] was there.
async fn delay(browser: &Browser, tab: &Tab, since: f64) -> Duration {
    browser.wait_for(tab, "window.seen !== null").await;
    let seen = browser.run(tab, "return window.seen").await.as_f64().expect("an instant");
    Duration::from_millis((seen - since).max(0.0) as u64)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cart_of_one_tab_is_counted_in_the_other_at_another_node() {
    for shared in Shared::each().await {
        let [first, second] = two(&shared).await;
        let browser = Browser::start().await;
        let tab = browser.open(&first.site).await;
        let add = "const since = Date.now();
                   return fetch('/cart/add/umbrella', { method: 'POST' }).then(() => since)";
        browser.run(&tab, add).await;
        let other = browser.open(&second.site).await;
        browser.wait_for(&other, "document.querySelector('#cart .count').textContent === '1'").await;
        let mut delays = Vec::new();
        for count in 2..12 {
            browser.run(&other, &note_when("#cart .count", &count.to_string())).await;
            let since = browser.run(&tab, add).await.as_f64().expect("an instant");
            delays.push(delay(&browser, &other, since).await);
        }
        let label = browser.run(&other, "return document.getElementById('cart').getAttribute('aria-label')").await;
        assert!(label.as_str().is_some_and(|label| label.ends_with("11")), "{label}");
        browser.quit().await;
        // The stream may not have been open yet when the first one was added.
        delays.remove(0);
        delays.sort_unstable();
        println!("{shared}: from the click to the other tab, median {:?}, longest {:?}", delays[4], delays[8]);
        assert!(delays[4] < Duration::from_secs(2), "{delays:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_of_devices_follows_a_sign_in_and_a_sign_out_at_another_node() {
    for shared in Shared::each().await {
        let [first, second] = two(&shared).await;
        let browser = Browser::start().await;
        let tab = browser.open(&first.site).await;
        let sign_in = "return fetch('/login', {
                         method: 'POST',
                         body: new URLSearchParams({ name: 'alice', password: 'alice-demo' }),
                       }).then(reply => reply.ok)";
        assert_eq!(browser.run(&tab, sign_in).await, true);
        let other = browser.open(&format!("{}/devices", second.site)).await;
        let devices = |count: usize| format!("document.querySelectorAll('ul.devices > li').length === {count}");
        browser.wait_for(&other, &devices(1)).await;
        let phone = first.signed_in("alice").await;
        let signed_in = std::time::Instant::now();
        browser.wait_for(&other, &devices(2)).await;
        println!("{shared}: a sign-in was in the list of the other node after {:?}", signed_in.elapsed());
        assert!(signed_in.elapsed() < Duration::from_secs(10));
        phone.post("/logout", &[]).await;
        browser.wait_for(&other, &devices(1)).await;
        // The browser's own session ends: the page says so.
        assert_eq!(
            browser.run(&tab, "return fetch('/logout', { method: 'POST' }).then(reply => reply.ok)").await,
            true
        );
        browser.wait_for(&other, "!document.getElementById('over').hidden").await;
        browser.quit().await;
    }
}
