use axum::Router;
use cloakroom_recipes::accounts::app;
use cloakroom_testkit::TestClient;
use tempfile::TempDir;

async fn new_app() -> (TempDir, Router) {
    let folder = TempDir::new().unwrap();
    let app = app(folder.path().join("accounts.db").to_str().unwrap()).await.unwrap();
    (folder, app)
}

fn client(app: &Router) -> TestClient {
    TestClient::new(app).with_origin("http://localhost:3000").with_header("accept", "text/html")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_user_is_signed_in_and_can_sign_in_elsewhere() {
    let (_folder, app) = new_app().await;
    let laptop = client(&app);
    let form = [("name", "ada"), ("password", "correct horse")];
    assert_eq!(laptop.post("/register").form(&form).follow_redirects().await.text(), "You are ada.\n");
    assert_eq!(client(&app).post("/register").form(&form).await.status(), 409);

    let phone = client(&app);
    let reply = phone.get("/account").await;
    assert_eq!(reply.header("location"), Some("/login?next=%2Faccount"));
    let wrong = [("name", "ada"), ("password", "wrong")];
    assert_eq!(phone.post("/login").form(&wrong).await.status(), 401);
    let nobody = [("name", "nobody"), ("password", "correct horse")];
    assert_eq!(phone.post("/login").form(&nobody).await.status(), 401);
    let reply = phone.post("/login?next=%2Faccount").form(&form).follow_redirects().await;
    assert_eq!(reply.text(), "You are ada.\n");
    phone.post("/logout").await;
    assert_eq!(phone.get("/account").await.status(), 303);
    assert_eq!(laptop.get("/account").await.status(), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_ends_the_other_sessions() {
    let (_folder, app) = new_app().await;
    let (laptop, phone) = (client(&app), client(&app));
    let form = [("name", "ada"), ("password", "correct horse")];
    laptop.post("/register").form(&form).await;
    phone.post("/login").form(&form).await;
    let wrong = [("current", "wrong"), ("new", "battery staple")];
    assert_eq!(laptop.post("/password").form(&wrong).await.status(), 403);
    let change = [("current", "correct horse"), ("new", "battery staple")];
    assert_eq!(laptop.post("/password").form(&change).await.status(), 303);
    assert_eq!(laptop.get("/account").await.status(), 200);
    assert_eq!(phone.get("/account").await.status(), 303);
    assert_eq!(phone.post("/login").form(&form).await.status(), 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_stays_signed_in_over_a_restart() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("accounts.db");
    let first = app(file.to_str().unwrap()).await.unwrap();
    let before = client(&first);
    before.post("/register").form(&[("name", "ada"), ("password", "correct horse")]).await;
    let token = before.cookie("session").expect("the registration sets a cookie");
    drop((first, before));
    let after = client(&app(file.to_str().unwrap()).await.unwrap());
    after.set_cookie(&format!("session={token}; Path=/; HttpOnly"));
    assert_eq!(after.get("/account").await.text(), "You are ada.\n");
}
