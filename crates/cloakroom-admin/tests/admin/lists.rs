use std::collections::BTreeSet;

use crate::application::{app_with, device, follow, in_memory, over, show, staff};
use cloakroom_testkit::{MemoryStore, SpyStore, Verb};

#[tokio::test]
async fn all_users_and_all_sessions_are_reached_page_by_page() {
    for sessions in [in_memory(), over(MemoryStore::new())] {
        let app = app_with(&sessions, |page| page.page_size(3));
        let grace = staff(&app).await;
        for user in 0..10 {
            device(&app, format!("user {user}"), "Laptop").await;
        }
        for device_number in 0..6 {
            device(&app, "user 0", &format!("Device {device_number}")).await;
        }
        let (mut page, mut users) = (show(&grace, "").await.ok(), BTreeSet::new());
        loop {
            let found = page.links("/user?");
            assert!(found.len() <= 3, "{found:?}");
            users.extend(found);
            let Some(next) = page.links("?after").pop() else { break };
            page = follow(&grace, &next).await.ok().has("First page");
        }
        assert_eq!(users.len(), 11);

        let (mut page, mut links) = (show(&grace, "/user?id=user+0").await.ok(), BTreeSet::new());
        loop {
            let found = page.links("/session?");
            assert!(found.len() <= 3, "{found:?}");
            links.extend(found);
            let Some(next) = page.links("/user?").into_iter().find(|link| link.contains("after=")) else { break };
            page = follow(&grace, &next).await.ok();
        }
        assert_eq!(links.len(), 7);
        show(&grace, "").await.has("<dd>17</dd>").has("<dd>11</dd>");
    }
}

#[tokio::test]
async fn a_search_is_exact_and_says_so() {
    let app = app_with(&in_memory(), |page| page);
    let (grace, _ada) = (staff(&app).await, device(&app, "ada", "Laptop").await);
    show(&grace, "").await.ok().has("The whole id, exactly");
    show(&grace, "/user?id=ada").await.ok().has("Laptop");
    for other in ["Ada", "ad", "ada+", "%61d%61%20"] {
        show(&grace, &format!("/user?id={other}")).await.ok().lacks("Laptop").has("compares whole ids");
    }
}

#[tokio::test]
async fn many_sessions_cost_a_bounded_number_of_calls() {
    let store = SpyStore::new(MemoryStore::new());
    let app = app_with(&over(store.clone()), |page| page.page_size(10));
    let grace = staff(&app).await;
    for user in 0..200 {
        device(&app, user, "Laptop").await;
    }
    show(&grace, "").await.ok();
    store.take_calls();
    // The counts are kept for a while.
    show(&grace, "").await.ok().has("<dd>201</dd>");
    assert_eq!(store.count(Verb::Count), 0, "{:?}", store.calls());
    assert_eq!(store.count(Verb::ListPrincipals), 1, "{:?}", store.calls());
}

#[tokio::test]
async fn statistics_are_shown_with_their_stable_names() {
    let app = app_with(&in_memory(), |page| page.title("The <shop>"));
    let grace = staff(&app).await;
    let page = show(&grace, "/statistics").await.ok().has("<code>value_hits</code>");
    page.has("· The &#60;shop&#62;</title>").lacks("The <shop>");
}
