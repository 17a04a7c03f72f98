//! A store that fails.

use cloakroom::store::StoreErrorKind;
use cloakroom_testkit::{FaultyStore, MemoryStore, TestClient, Verb};

use crate::application::{Shown, app_with, device, follow, over, show, staff, submit};

/// The guard finds its session in memory, so it works while the store does not.
async fn application() -> (FaultyStore<MemoryStore>, axum::Router, TestClient) {
    let store = FaultyStore::new(MemoryStore::new());
    let app = app_with(&over(store.clone()), |page| page.page_size(4));
    let grace = staff(&app).await;
    (store, app, grace)
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_503_with_a_page_that_says_so() {
    let (store, app, grace) = application().await;
    let ada = device(&app, "ada", "Laptop").await;
    let page = show(&grace, "/user?id=ada").await.ok();
    let forms = [page.forms("/session/revoke").remove(0), page.forms("/user/revoke").remove(0)];
    let session = page.links("/session").remove(0);
    for kind in [StoreErrorKind::Unavailable, StoreErrorKind::Refused] {
        store.fail_all(kind);
        for path in ["", "/user?id=ada", "/session?id=00000000000000000000000000000000"] {
            let Shown(page) = show(&grace, path).await;
            assert_eq!(
                (page.status().as_u16(), page.header("retry-after")),
                (503, Some("5")),
                "{path}: {}",
                page.text()
            );
            assert!(page.text().contains("The session store does not answer"), "{path}: {}", page.text());
            assert_eq!(page.header("cache-control"), Some("no-store"));
        }
        for form in &forms {
            let Shown(refused) = submit(&grace, &page, form).await;
            assert_eq!(refused.status(), 503, "{form}: {}", refused.text());
        }
        // What needs no store still works.
        for path in ["/events", "/statistics"] {
            show(&grace, path).await.ok();
        }
        store.reset();
        assert_eq!(ada.get("/").await.text(), "ada");
        Shown(grace.get(&session).await).ok();
    }
}

#[tokio::test]
async fn a_list_that_is_cut_off_shows_what_was_found_and_says_so() {
    let (store, app, grace) = application().await;
    // Four sessions are on a page of the store, so that another call is needed for more users.
    for device_number in 0..4 {
        device(&app, "ada", &format!("Device {device_number}")).await;
    }
    for user in ["bob", "eve"] {
        device(&app, user, "Laptop").await;
    }
    store.delay_next(Verb::ListPrincipals).open();
    store.fail_next(Verb::ListPrincipals, StoreErrorKind::Unavailable);
    let page = show(&grace, "").await.ok().has("the list ends too early").has("Try to continue");
    assert!(!page.links("/user?").is_empty(), "{}", page.html());
    let rest = follow(&grace, &page.links("?after")[0]).await.ok().lacks("the list ends too early");
    assert_eq!([page.links("/user?"), rest.links("/user?")].concat().len().min(4), 4);
}

#[tokio::test]
async fn a_count_that_fails_does_not_hide_the_list() {
    let (store, app, grace) = application().await;
    let _ada = device(&app, "ada", "Laptop").await;
    store.fail_next(Verb::Count, StoreErrorKind::Unavailable);
    show(&grace, "").await.ok().has("the store does not answer").has("ada");
}

#[tokio::test]
async fn a_revocation_of_which_the_store_reports_nothing_is_not_called_done() {
    let (store, app, grace) = application().await;
    let _ada = device(&app, "ada", "Laptop").await;
    let page = show(&grace, "/user?id=ada").await.ok();
    store.lose_reply_next(Verb::Destroy);
    let answer = submit(&grace, &page, &page.forms("/session/revoke")[0]).await.lacks("1 session ended");
    assert_eq!(answer.0.status(), 503);
    assert!(answer.html().contains("The result is not known"), "{}", answer.html());
}
