//! Flash messages: each is shown exactly once.

use axum::Router;
use axum::extract::Path;
use axum::response::Redirect;
use axum::routing::{any, get};
use cloakroom::{Login, Session, SessionError, Sessions};
use cloakroom_auth::flash::{Flash, FlashMessages, Level};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::Server;
use http::StatusCode;

use crate::support::{Browser, Deployment, Node, recorded};

fn routes() -> Router {
    let push = async |flash: Flash, Path(text): Path<String>| {
        flash.success(text).await?;
        Ok::<_, SessionError>(Redirect::to("/page"))
    };
    let page = async |flash: Flash| {
        let messages = flash.take().await?;
        let lines: Vec<_> = messages.iter().map(|message| format!("{} {}", message.level, message.text)).collect();
        Ok::<_, SessionError>(lines.join("\n"))
    };
    let all_levels = async |flash: Flash| {
        flash.error("e").await?;
        flash.warning("w").await?;
        flash.success("s").await?;
        flash.info("i").await?;
        flash.debug("d").await
    };
    let login = async |session: Session| session.login(Login::new("ada").keep::<FlashMessages>()).await;
    Router::new()
        .route("/push/{text}", any(push))
        .route("/page", get(page))
        .route("/all-levels", any(all_levels))
        .route("/login-keeping-messages", any(login))
        .merge(crate::support::routes())
}

fn node(deployment: &Deployment) -> Node {
    Node::with_routes(deployment.builder(), routes())
}

#[tokio::test]
async fn a_message_survives_the_redirect_and_is_shown_once() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        let mut browser = Browser::new(&node.app);
        let reply = browser.post("/push/Saved.").await;
        assert_eq!((reply.status, reply.header("location")), (StatusCode::SEE_OTHER, vec!["/page"]));
        assert_eq!(browser.get("/page").await.ok().body, "success Saved.");
        assert_eq!(browser.get("/page").await.ok().body, "");
    }
}

#[tokio::test]
async fn messages_keep_their_order_and_level() {
    let node = node(&Deployment::local());
    let mut browser = Browser::new(&node.app);
    browser.post("/all-levels").await.ok();
    assert_eq!(browser.get("/page").await.ok().body, "error e\nwarning w\nsuccess s\ninfo i\ndebug d");
    assert!(Level::Debug < Level::Info && Level::Info < Level::Success);
    assert!(Level::Success < Level::Warning && Level::Warning < Level::Error);
}

#[tokio::test]
async fn a_visitor_without_messages_gets_no_session() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        let mut browser = Browser::new(&node.app);
        let reply = browser.get("/page").await.ok();
        assert_eq!((reply.body.as_str(), reply.set_cookie()), ("", None));
        assert_eq!(deployment.session_count(&node), 0);
    }
}

#[tokio::test]
async fn the_oldest_messages_are_dropped_at_the_limit() {
    let node = node(&Deployment::local());
    let mut browser = Browser::new(&node.app);
    for number in 0..Flash::MAX + 3 {
        browser.post(&format!("/push/{number}")).await;
    }
    let shown = browser.get("/page").await.ok().body;
    let lines: Vec<_> = shown.lines().collect();
    assert_eq!((lines.len(), lines[0]), (Flash::MAX, "success 3"));
    assert_eq!(lines[Flash::MAX - 1], format!("success {}", Flash::MAX + 2));
}

#[tokio::test]
async fn a_login_keeps_messages_only_if_it_says_so() {
    for deployment in Deployment::both() {
        let node = node(&deployment);
        for (login, shown) in [("/login-keeping-messages", "success Hi"), ("/login/bob", "")] {
            let mut browser = Browser::new(&node.app);
            browser.post("/push/Hi").await;
            browser.post(login).await.ok();
            assert_eq!(browser.get("/page").await.ok().body, shown, "{login}");
        }
    }
}

/// Sends writers and readers in parallel, and checks that each message is shown exactly once.
async fn each_message_is_shown_exactly_once(nodes: &[Node; 2]) {
    let mut browser = Browser::new(&nodes[0].app);
    browser.post("/note/mine").await.ok();
    for round in 0..10 {
        let expected: Vec<_> = (0..Flash::MAX).map(|number| format!("success {round}-{number}")).collect();
        let mut requests = Vec::new();
        for number in 0..Flash::MAX {
            let (mut writer, mut reader) =
                (browser.at(&nodes[number % 2].app), browser.at(&nodes[(number + 1) % 2].app));
            let path = format!("/push/{round}-{number}");
            requests.push(tokio::spawn(async move {
                assert_eq!(writer.post(&path).await.status, StatusCode::SEE_OTHER);
                String::new()
            }));
            requests.push(tokio::spawn(async move { reader.get("/page").await.ok().body }));
        }
        let mut shown = Vec::new();
        for request in requests {
            shown.extend(request.await.unwrap().lines().map(str::to_owned));
        }
        // What no reader came late enough for.
        let mut last = browser.at(&nodes[round % 2].app);
        last.get("/do/refresh").await.ok();
        shown.extend(last.get("/page").await.ok().body.lines().map(str::to_owned));
        shown.sort_by_key(|line| line.rsplit('-').next().unwrap().parse::<usize>().unwrap());
        assert_eq!(shown, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_requests_show_each_message_exactly_once_in_memory() {
    let node = node(&Deployment::local());
    each_message_is_shown_exactly_once(&[node.clone(), node]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn parallel_requests_on_two_nodes_over_redis_show_each_message_exactly_once() {
    let server = Server::start().await.expect("redis-server is installed");
    let mut nodes = Vec::new();
    cloakroom_secret_scan::record("namespace", "auth");
    for _ in 0..2 {
        let address = format!("{}?namespace=auth", server.url());
        let store = RedisStore::connect(&address).await.expect("the server accepts the store");
        let sessions: Sessions = recorded().store(store).build().unwrap();
        nodes.push(Node { app: Node::with_sessions(sessions.clone(), routes()), sessions });
    }
    each_message_is_shown_exactly_once(&nodes.try_into().unwrap()).await;
}
