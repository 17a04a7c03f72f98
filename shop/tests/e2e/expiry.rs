//! What time does to sessions and to what they keep.

use std::time::Duration;

use cloakroom_shop::sessions;
use cloakroom_testkit::ManualClock;

use crate::support::Open;

const MINUTE: Duration = Duration::from_secs(60);

async fn open_with_a_clock() -> (Open, ManualClock) {
    let clock = ManualClock::new();
    let sessions = sessions::settings().clock(clock.clone()).build().expect("settings");
    (Open::with(sessions, true).await, clock)
}

#[tokio::test]
async fn an_idle_session_ends_with_a_friendly_hint() {
    let (open, clock) = open_with_a_clock().await;
    let guest = open.browser();
    guest.post("/cart/add/gloves", &[]).await;
    clock.advance(29 * MINUTE);
    guest.get("/cart").await.assert(200, "Gloves");
    clock.advance(31 * MINUTE);
    let cart = guest.get("/cart").await;
    cart.assert(200, "Your session is over").assert(200, "Nothing on your pegs yet.");
    assert_eq!(cart.cookie(), None, "nobody signed out, so nothing is removed");
    guest.post("/cart/add/umbrella", &[]).await;
    let cart = guest.get("/cart").await;
    assert!(cart.body.contains("Umbrella") && !cart.body.contains("Gloves"), "a new session, not the old one");
}

#[tokio::test]
async fn short_timeouts_end_an_idle_session_after_a_minute_and_any_after_five() {
    let clock = ManualClock::new();
    let settings = || sessions::settings_with_short_timeouts();
    let open = Open::with(settings().clock(clock.clone()).build().expect("settings"), true).await;
    let (idle, busy) = (open.browser(), open.browser());
    for guest in [&idle, &busy] {
        guest.post("/cart/add/gloves", &[]).await;
    }
    for _ in 0..5 {
        clock.advance(Duration::from_secs(55));
        busy.get("/cart").await.assert(200, "Gloves");
    }
    idle.get("/").await.assert(200, "Your session is over: its time was up");
    clock.advance(Duration::from_secs(26));
    busy.get("/").await.assert(200, "Your session is over");
    // With the clock of the machine, by which the page counts.
    let open = Open::with(settings().build().expect("settings"), true).await;
    let guest = open.browser();
    assert!(!guest.get("/").await.body.contains("data-ends-in"), "nothing ends yet");
    guest.post("/cart/add/gloves", &[]).await;
    let page = guest.get("/").await;
    assert!(["60", "59"].iter().any(|left| page.body.contains(&format!("data-ends-in=\"{left}\""))), "{}", page.body);
    page.assert(200, "Then the cart is emptied.");
}

#[tokio::test]
async fn a_remembered_user_is_still_signed_in_after_two_days() {
    let (open, clock) = open_with_a_clock().await;
    let (remembered, forgotten) = (open.browser(), open.signed_in("alice").await);
    let fields = [("name", "alice"), ("password", "alice-demo"), ("remember", "yes")];
    remembered.post("/login", &fields).await;
    clock.advance(2 * 24 * 60 * MINUTE);
    remembered.get("/devices").await.assert(200, "Alice Archer");
    assert_eq!(forgotten.get("/devices").await.location(), "/login?next=devices");
}

#[tokio::test]
async fn stale_preferences_are_better_than_an_error_page() {
    let (open, clock) = open_with_a_clock().await;
    let carol = open.signed_in("carol").await;
    carol.get("/preferences").await.assert(200, r#"lang="de" data-theme="dark""#);
    open.shop.db().close().await;
    clock.advance(6 * MINUTE);
    let page = carol.get("/preferences").await;
    page.assert(200, r#"lang="de" data-theme="dark""#).assert(200, "Carol Cooper");
    carol.get("/staff").await.assert(503, "Gleich wieder da");
}
