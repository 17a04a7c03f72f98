use cloakroom::Sessions;
use cloakroom_recipes::roles::{Staff, app};
use cloakroom_testkit::TestClient;

#[tokio::test]
async fn a_role_opens_its_routes_until_it_is_withdrawn() {
    let staff = Staff::default();
    staff.appoint("ada", "editor");
    staff.appoint("grace", "chief");
    let app = app(Sessions::in_memory(), staff).unwrap();
    let client = async |user: &str| {
        let client = TestClient::new(&app).with_origin("http://localhost:3000").with_header("accept", "text/html");
        client.sign_in(user.to_owned()).await;
        client
    };
    let (ada, bob, grace) = (client("ada").await, client("bob").await, client("grace").await);

    assert_eq!(ada.get("/desk").await.text(), "The desk of ada.");
    assert_eq!(bob.get("/desk").await.status(), 403);
    assert_eq!(ada.post("/staff/ada/dismiss").await.status(), 403);

    assert_eq!(grace.post("/staff/ada/dismiss").await.status(), 200);
    assert_eq!(ada.get("/desk").await.status(), 403);
}

#[tokio::test]
async fn a_visitor_is_sent_to_the_login_page_and_back() {
    let app = app(Sessions::in_memory(), Staff::default()).unwrap();
    let visitor = TestClient::new(&app).with_header("accept", "text/html");
    let reply = visitor.get("/desk").await;
    assert_eq!((reply.status().as_u16(), reply.header("location")), (303, Some("/login?next=%2Fdesk")));
    let program = TestClient::new(&app).with_header("accept", "application/json");
    assert_eq!(program.get("/desk").await.status(), 401);
}
