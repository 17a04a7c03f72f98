//! Theme and language, for guests and for users.

use crate::support::{ANY, Open};

const DARK_GERMAN: [(&str, &str); 2] = [("theme", "dark"), ("language", "de")];

#[tokio::test]
async fn a_guests_choice_changes_the_pages_and_stays_in_the_session() {
    let open = Open::new().await;
    let guest = open.browser();
    guest.get("/").await.assert(200, r#"<html lang="en" data-theme="system">"#);
    let saved = guest.post("/preferences", &DARK_GERMAN).await;
    assert_eq!((saved.status.as_u16(), saved.location()), (303, "/preferences?saved"));
    let page = guest.get("/preferences?saved").await;
    page.assert(200, r#"<html lang="de" data-theme="dark">"#)
        .assert(200, "Gespeichert.")
        .assert(200, "für diese Sitzung");
    guest.get("/").await.assert(200, "Alles, was wir haben").assert(200, "Regenschirm").assert(200, "34,00\u{a0}€");
    open.browser().get("/").await.assert(200, r#"<html lang="en""#);
}

#[tokio::test]
async fn a_users_choice_is_in_the_account_and_on_all_devices() {
    let open = Open::new().await;
    let (one, other) = (open.signed_in("alice").await, open.signed_in("alice").await);
    other.get("/").await.assert(200, r#"lang="en" data-theme="system""#);
    one.post("/preferences", &[("theme", "light"), ("language", "de")]).await;
    one.get("/").await.assert(200, r#"lang="de" data-theme="light""#);
    other.get("/").await.assert(200, r#"lang="de" data-theme="light""#);
    open.signed_in("alice").await.get("/preferences").await.assert(200, "Gehört zu Ihrem Konto");
}

#[tokio::test]
async fn the_browsers_language_counts_where_nothing_was_chosen() {
    let open = Open::new().await;
    let german = [("accept-language", "nl-NL,de-AT;q=0.8,en;q=0.5")];
    let page = open.browser().send(reqwest::Method::GET, "/", &german, None).await;
    page.assert(200, r#"<html lang="de""#);
}

#[tokio::test]
async fn unknown_choices_name_the_field() {
    let open = Open::new().await;
    let curl = open.visitor(ANY);
    let theme = curl.post("/preferences", &[("theme", "neon"), ("language", "en")]).await;
    theme.assert(400, "theme must be system, light or dark");
    let language = curl.post("/preferences", &[("theme", "dark"), ("language", "tlh")]).await;
    language.assert(400, "language must be en or de");
}
