//! The list of devices, and signing them out.

use std::time::Duration;

use cloakroom_shop::sessions;
use cloakroom_testkit::ManualClock;

use crate::support::{ANY, JSON, Open, Visitor};

async fn public_ids(visitor: &Visitor) -> Vec<String> {
    let page = visitor.get("/devices").await.body;
    let marks = page.split(r#"name="public_id" value=""#).skip(1);
    marks.map(|rest| rest.split('"').next().expect("an end").to_owned()).collect()
}

async fn is_signed_in(visitor: &Visitor) -> bool {
    visitor.get("/devices").await.status.is_success()
}

#[tokio::test]
async fn the_list_names_devices_and_opens_nothing() {
    let open = Open::new().await;
    let here = open.signed_in("alice").await;
    let _there = open.signed_in("alice").await;
    let _bobs = open.signed_in("bob").await;
    here.get("/devices").await.assert(200, "Firefox on Linux #1").assert(200, "This device");
    let public_ids = public_ids(&here).await;
    assert_eq!(public_ids.len(), 1, "one other device of alice, none of bob");
    let thief = open.visitor(JSON);
    thief.take_token(public_ids.into_iter().next());
    thief.get("/devices").await.assert(401, "Sign in first");
}

#[tokio::test]
async fn two_equal_browsers_can_be_told_apart() {
    let clock = ManualClock::new();
    let open = Open::with(sessions::settings().clock(clock.clone()).build().expect("settings"), true).await;
    let first = open.signed_in("alice").await;
    clock.advance(Duration::from_secs(300));
    let second = open.signed_in("alice").await;
    let page = second.get("/devices").await;
    let (this, other) = page.body.split_once("Firefox on Linux #1").expect("the first sign-in");
    assert!(this.contains("Firefox on Linux #2") && this.contains("This device"), "{this}");
    assert!(this.contains("Signed in just now") && other.contains("Signed in 5 min ago"), "{}", page.body);
    assert!(this.contains("from this machine") && other.contains("Last seen 5 min ago"), "{}", page.body);
    let times: Vec<_> = page.body.split("<time datetime=\"").skip(1).map(|rest| &rest[..20]).collect();
    assert!(times.len() == 2 && times[0] != times[1], "{times:?}");
    let program = open.visitor(JSON);
    program.take_token(first.token());
    let list = program.get("/devices").await.json();
    assert_eq!((&list[0]["address"], &list[0]["number"]), (&"127.0.0.1".into(), &1.into()), "{list}");
    first.post("/logout", &[]).await;
    assert!(!second.get("/devices").await.body.contains("Linux #"), "one needs no number");
}

#[tokio::test]
async fn one_device_can_be_signed_out() {
    let open = Open::new().await;
    let (here, there) = (open.signed_in("alice").await, open.signed_in("alice").await);
    let public_id = public_ids(&here).await.pop().expect("the other device");
    let reply = here.post("/devices/revoke", &[("public_id", &public_id)]).await;
    assert_eq!(reply.location(), "/devices?ended=1");
    assert!(is_signed_in(&here).await && !is_signed_in(&there).await);
    here.post("/devices/revoke", &[("public_id", &public_id)]).await.assert(404, "No such device");
}

#[tokio::test]
async fn the_device_of_somebody_else_is_no_such_device() {
    let open = Open::new().await;
    let (alice, _other, bob) =
        (open.signed_in("alice").await, open.signed_in("alice").await, open.signed_in("bob").await);
    let public_id = public_ids(&alice).await.pop().expect("a device of alice");
    bob.post("/devices/revoke", &[("public_id", &public_id)]).await.assert(404, "No such device");
    bob.post("/devices/revoke", &[("public_id", "nonsense")]).await.assert(404, "No such device");
    assert!(is_signed_in(&alice).await, "R22: nothing was ended");
}

#[tokio::test]
async fn all_others_can_be_signed_out() {
    let open = Open::new().await;
    let (here, there) = (open.signed_in("alice").await, open.signed_in("alice").await);
    let bob = open.signed_in("bob").await;
    assert_eq!(here.post("/devices/sign-out-others", &[]).await.location(), "/devices?ended=1");
    assert!(is_signed_in(&here).await && !is_signed_in(&there).await && is_signed_in(&bob).await);
}

#[tokio::test]
async fn sign_out_everywhere_ends_every_session_of_the_user() {
    let open = Open::new().await;
    let (here, there, bob) =
        (open.signed_in("alice").await, open.signed_in("alice").await, open.signed_in("bob").await);
    let reply = here.post("/devices/sign-out-everywhere", &[]).await;
    assert_eq!(reply.location(), "/login?signed_out");
    assert_eq!(here.token(), None);
    assert!(!is_signed_in(&here).await && !is_signed_in(&there).await && is_signed_in(&bob).await);
}

#[tokio::test]
async fn whose_session_was_ended_elsewhere_gets_a_friendly_hint() {
    let open = Open::new().await;
    let alice = open.signed_in("alice").await;
    open.shop.sessions().of(1_i64).revoke_all().await.expect("memory does not fail");
    let reply = alice.get("/devices").await;
    assert_eq!((reply.status.as_u16(), reply.location()), (303, "/login?next=devices"));
    assert_eq!(reply.cookie(), None, "nobody signed out, so nothing is removed");
    alice.get("/login?next=devices").await.assert(200, "Your session is over");
    alice.get("/cart").await.assert(200, "Your session is over");
    alice.sign_in("alice").await;
    assert!(!alice.get("/cart").await.body.contains(r#"<p class="notice hint" role="status">"#));
}

#[tokio::test]
async fn r16_signing_other_devices_out_wants_a_recent_sign_in() {
    let clock = ManualClock::new();
    let open = Open::with(sessions::settings().clock(clock.clone()).build().expect("settings"), true).await;
    let (here, there) = (open.signed_in("alice").await, open.signed_in("alice").await);
    clock.advance(Duration::from_secs(601));
    let public_id = public_ids(&here).await.pop().expect("the other device");
    let reply = here.post("/devices/revoke", &[("public_id", &public_id)]).await;
    assert_eq!(reply.location(), "/login?next=devices&again");
    here.get(reply.location()).await.assert(200, "sign in once more");
    let others = here.post("/devices/sign-out-others", &[]).await;
    assert_eq!(others.location(), "/login?next=devices&again");
    assert!(is_signed_in(&there).await, "nothing was ended");
    let before = here.token();
    here.sign_in("alice").await;
    assert_ne!(here.token(), before);
    assert_eq!(here.post("/devices/revoke", &[("public_id", &public_id)]).await.location(), "/devices?ended=1");
    assert!(!is_signed_in(&there).await);
    open.browser().get("/login?again").await.assert(200, "<form");
}

#[tokio::test]
async fn devices_are_for_signed_in_visitors() {
    let open = Open::new().await;
    assert_eq!(open.browser().get("/devices").await.location(), "/login?next=devices");
    open.visitor(ANY).get("/devices").await.assert(401, "Sign in first");
}

#[tokio::test]
async fn the_eleventh_device_ends_the_oldest() {
    let open = Open::new().await;
    let oldest = open.signed_in("bob").await;
    for _ in 0..10 {
        open.signed_in("bob").await;
    }
    assert!(!is_signed_in(&oldest).await);
}
