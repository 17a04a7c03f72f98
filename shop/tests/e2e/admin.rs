//! The admin page in a real browser, with and without scripts: a member of staff watches, finds a
//! user's session, and ends it.

use crate::browser::{Browser, Tab};
use crate::support::Open;

/// Signs Bob in, who is a member of staff, and opens the admin page as he would.
async fn at_work(browser: &Browser, open: &Open) -> Tab {
    let tab = browser.open(&format!("{}/login?next=staff", open.site)).await;
    browser.fill(&tab, "main [name=name]", "bob").await;
    browser.fill(&tab, "main [name=password]", "bob-demo").await;
    browser.click(&tab, "main form button").await;
    browser.click(&tab, "a[href='/staff/sessions']").await;
    tab
}

async fn find_and_end(browser: &Browser, open: &Open, tab: &Tab) {
    let (laptop, phone) = (open.signed_in("alice").await, open.signed_in("carol").await);
    browser.click(tab, "header .name a").await;
    // By search, although the list has the user too. Alice's id is 1.
    browser.fill(tab, "#user", "1").await;
    browser.click(tab, "#user + button").await;
    browser.sees(tab, "h1", "User 1").await;
    browser.sees(tab, "tbody", "Firefox on Linux").await;
    browser.click(tab, "tbody a").await;
    browser.sees(tab, "dl", "Ends at the latest").await;
    browser.click(tab, "main form button").await;
    browser.sees(tab, ".notice", "1 session ended.").await;
    browser.sees(tab, "main", "No sessions").await;
    assert_eq!(laptop.get("/devices").await.location(), "/login?next=devices");
    phone.get("/devices").await.assert(200, "Firefox");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_scripts_events_appear_as_they_happen_and_a_session_is_ended() {
    let open = Open::new().await;
    let browser = Browser::start().await;
    let tab = at_work(&browser, &open).await;
    browser.click(&tab, "nav [href='/staff/sessions/events']").await;
    browser.sees(&tab, "#live", "Live").await;
    browser.run(&tab, "window.isTheSamePage = true").await;
    let alice = open.signed_in("alice").await;
    browser.sees(&tab, "tbody tr", "session_logged_in").await;
    browser.sees(&tab, "tbody tr td[data-name=User]", "1").await;
    alice.post("/logout", &[]).await;
    browser.sees(&tab, "tbody tr", "session_ended logout").await;
    assert_eq!(browser.run(&tab, "return window.isTheSamePage").await, true, "it was not loaded again");
    browser.click(&tab, "#pause").await;
    browser.sees(&tab, "#live", "Paused").await;
    let _alice = open.signed_in("alice").await;
    browser.click(&tab, "#pause").await;
    browser.sees(&tab, "tbody tr", "session_logged_in").await;
    let without_style = "return getComputedStyle(document.querySelector('table')).borderCollapse";
    assert_eq!(browser.run(&tab, without_style).await, "collapse", "the policy allows the style sheet");
    open.shop.sessions().of(1).revoke_all().await.expect("memory does not fail");
    find_and_end(&browser, &open, &tab).await;
    browser.quit().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_scripts_the_page_loads_itself_again_and_a_session_is_ended() {
    let open = Open::new().await;
    let browser = Browser::without_scripts().await;
    let tab = at_work(&browser, &open).await;
    browser.click(&tab, "nav [href='/staff/sessions/events']").await;
    browser.sees(&tab, ".live", "every 10 seconds").await;
    let alice = open.signed_in("alice").await;
    browser.sees(&tab, "tbody tr", "session_logged_in").await;
    alice.post("/logout", &[]).await;
    open.shop.sessions().of(1).revoke_all().await.expect("memory does not fail");
    find_and_end(&browser, &open, &tab).await;
    browser.quit().await;
}
