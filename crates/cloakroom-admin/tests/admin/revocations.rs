use std::sync::Arc;

use cloakroom::{EndReason, EventKind, Session};
use cloakroom_admin::Revocation;
use cloakroom_testkit::TestClient;
use parking_lot::Mutex;

use crate::application::{ADMIN, STAFF, app, app_with, device, follow, in_memory, show, staff, submit, two_nodes};

#[tokio::test]
async fn a_session_that_is_ended_is_over_on_another_node_and_the_others_live() {
    let nodes = two_nodes();
    let [here, there] = nodes.each_ref().map(app);
    let (grace, laptop) = (staff(&here).await, device(&there, "ada", "Laptop").await);
    let phone = device(&there, "ada", "Phone").await;
    assert_eq!(laptop.get("/").await.text(), "ada");

    let found = show(&grace, "/user?id=ada").await.ok().has("Laptop").has("Phone").lacks("your own");
    let one = follow(&grace, &found.links("/session")[0]).await.ok().has("Laptop").has("Ends at the latest");
    let mut events = nodes[0].events();
    let form = one.forms("/session/revoke").remove(0);
    submit(&grace, &one, &form).await.ok().has("1 session ended").has("Phone").lacks("Laptop");

    let event = events.recv().await.unwrap();
    assert_eq!((event.kind, event.principal), (EventKind::Ended(EndReason::Revoked), Some("ada".into())));
    assert_eq!(laptop.get("/").await.text(), "nobody");
    assert_eq!(phone.get("/").await.text(), "ada");
    // A second click on a page that was open for long.
    submit(&grace, &one, &form).await.ok().has("Nothing to end");
}

#[tokio::test]
async fn all_sessions_of_a_user_are_ended_and_nobody_elses() {
    let nodes = two_nodes();
    let [here, there] = nodes.each_ref().map(app);
    let (grace, bob) = (staff(&here).await, device(&there, "bob", "Phone").await);
    let devices = [device(&here, "ada", "Laptop").await, device(&there, "ada", "Phone").await];
    let page = show(&grace, "/user?id=ada").await.ok();
    let form = page.forms("/user/revoke").remove(0);
    submit(&grace, &page, &form).await.ok().has("2 sessions ended").has("No sessions");
    for device in devices {
        assert_eq!(device.get("/").await.text(), "nobody");
    }
    assert_eq!(bob.get("/").await.text(), "bob");
}

#[tokio::test]
async fn an_anonymous_session_is_found_by_its_id_and_ended() {
    let sessions = in_memory();
    let app = app(&sessions);
    let (grace, visitor) = (staff(&app).await, TestClient::new(&app));
    let id = visitor
        .in_session(async |session: Session| {
            session.set(crate::stores::Cart::default()).await.unwrap();
            session.public_id().await.unwrap().unwrap()
        })
        .await;
    let page = show(&grace, &format!("/session?id=+{id}+")).await.ok().has("nobody is logged in");
    let form = page.forms("/session/revoke").remove(0);
    submit(&grace, &page, &form).await.ok().has("1 session ended").has("Users and their sessions");
    assert!(sessions.by_id(id).await.unwrap().is_none());
    assert_eq!(show(&grace, &format!("/session?id={id}")).await.has("No such session").0.status(), 404);
    assert_eq!(show(&grace, "/session?id=ada").await.has("Not the id of a session").0.status(), 400);
}

#[tokio::test]
async fn a_member_of_staff_sees_which_session_is_their_own_and_may_end_it() {
    let app = app(&in_memory());
    let (desk, home) = (staff(&app).await, device(&app, STAFF, "Home").await);
    let page = show(&desk, "/user?id=grace").await.ok();
    assert_eq!(page.html().matches("your own").count(), 1);
    let own = follow(&desk, &page.links("/session")[0]).await.ok().has("This is your own session");
    let form = own.forms("/session/revoke").remove(0);
    let left = submit(&desk, &own, &form).await;
    assert_eq!(left.0.status(), 403, "the guard of the application");
    show(&home, "").await.ok();
}

#[tokio::test]
async fn r69_the_application_records_who_ended_what() {
    let sessions = in_memory();
    let seen: Arc<Mutex<Vec<Revocation>>> = Arc::default();
    let app = app_with(&sessions, |page| {
        let seen = Arc::clone(&seen);
        page.on_revoke(move |revocation| seen.lock().push(revocation.clone())).staff_name(async |request| {
            let session = Session::from_extensions(&request.extensions)?;
            session.principal().await.ok()?.map(String::from)
        })
    });
    let grace = staff(&app).await;
    let (_laptop, _phone) = (device(&app, "ada", "Laptop").await, device(&app, "ada", "Phone").await);
    let page = show(&grace, "/user?id=ada").await.ok();
    let id = sessions.of("ada").list().await.unwrap()[0].id;
    submit(&grace, &page, &page.forms("/session/revoke")[0]).await.ok();
    submit(&grace, &page, &format!("{ADMIN}/user/revoke?id=ada")).await.ok();
    // Their own, after which the session has no principal any more.
    submit(&grace, &page, &format!("{ADMIN}/user/revoke?id=grace")).await;
    let seen = std::mem::take(&mut *seen.lock());
    let facts = |one: &Revocation| {
        let user = one.user.as_ref().map(|user| user.as_str().to_owned()).unwrap();
        (one.staff.clone().unwrap(), user, one.session, one.ended)
    };
    let grace = || STAFF.to_owned();
    assert_eq!(
        seen.iter().map(facts).collect::<Vec<_>>(),
        [
            (grace(), "ada".to_owned(), Some(id), Some(1)),
            (grace(), "ada".to_owned(), None, Some(1)),
            (grace(), "grace".to_owned(), None, Some(1)),
        ]
    );
    assert!(!format!("{seen:?}").contains("ada"), "user ids do not belong in logs");
}
