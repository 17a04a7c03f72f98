use cloakroom::Sessions;
use cloakroom_recipes::notes::app;
use cloakroom_testkit::TestClient;

fn client() -> TestClient {
    TestClient::new(&app(Sessions::in_memory())).with_origin("http://localhost:3000")
}

/// The CSRF token in the form of the page.
async fn csrf(client: &TestClient) -> String {
    let page = client.get("/").await;
    let (_, rest) = page.text().split_once("name=\"csrf\" value=\"").expect("the form has a token");
    let csrf = rest.split('"').next().unwrap();
    assert_eq!(csrf.len(), 43, "{csrf:?}");
    csrf.to_owned()
}

#[tokio::test]
async fn a_note_is_saved_and_its_message_shown_once() {
    let client = client();
    let csrf = csrf(&client).await;
    let page = client.post("/").form(&[("csrf", &csrf), ("text", "<b>milk</b>")]).follow_redirects().await;
    assert!(page.text().contains("Saved."), "{}", page.text());
    assert!(!page.text().contains("<b>"), "the text is escaped: {}", page.text());
    assert!(page.text().contains("milk"), "{}", page.text());
    assert!(!client.get("/").await.text().contains("Saved."));
}

#[tokio::test]
async fn a_form_without_the_token_of_the_session_changes_nothing() {
    let (client, attacker) = (client(), client());
    csrf(&client).await;
    let stolen = csrf(&attacker).await;
    assert_eq!(client.post("/").form(&[("csrf", &stolen), ("text", "forged")]).await.status(), 403);
    assert!(!client.get("/").await.text().contains("forged"));
}

#[tokio::test]
async fn an_empty_note_is_refused_with_a_message() {
    let client = client();
    let csrf = csrf(&client).await;
    let page = client.post("/").form(&[("csrf", &csrf), ("text", " ")]).follow_redirects().await;
    assert!(page.text().contains("A note has 1 to 200 characters."), "{}", page.text());
}
