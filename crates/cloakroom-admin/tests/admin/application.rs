//! An application with the admin page.

use axum::Router;
use axum::extract::Request;
use axum::http::StatusCode;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::get;
use cloakroom::store::Store;
use cloakroom::{Login, Principal, Session, SessionError, SessionLayer, Sessions};
use cloakroom_admin::AdminPage;
use cloakroom_testkit::{MemoryStore, TestClient, TestResponse};

use crate::recording::recorded;

/// The path of the admin page.
pub(crate) const ADMIN: &str = "/staff/sessions";

/// The principal of the member of staff.
pub(crate) const STAFF: &str = "grace";

async fn whoami(session: Session) -> Result<String, SessionError> {
    Ok(session.principal().await?.map_or_else(|| "nobody".to_owned(), String::from))
}

/// The guard of the application.
pub(crate) async fn staff_only(session: Session, request: Request, next: Next) -> Result<Response, StatusCode> {
    let user = session.principal().await.map_err(|error| error.kind().status())?;
    if user.is_some_and(|user| user.as_str() == STAFF) {
        Ok(next.run(request).await)
    } else {
        Err(StatusCode::FORBIDDEN)
    }
}

pub(crate) fn app(sessions: &Sessions) -> Router {
    app_with(sessions, |page| page)
}

pub(crate) fn app_with(sessions: &Sessions, settings: impl FnOnce(AdminPage) -> AdminPage) -> Router {
    let page = settings(AdminPage::new(sessions));
    Router::new()
        .route("/", get(whoami))
        .nest(ADMIN, page.router(from_fn(staff_only)))
        .layer(SessionLayer::new(sessions.clone()))
}

/// Sessions of one process.
pub(crate) fn in_memory() -> Sessions {
    recorded().build().unwrap()
}

/// The sessions of two nodes over one store.
pub(crate) fn two_nodes() -> [Sessions; 2] {
    MemoryStore::new().nodes().map(over)
}

pub(crate) fn over(store: impl Store) -> Sessions {
    recorded().store(store).build().unwrap()
}

/// A session of a user with a label.
pub(crate) async fn device(app: &Router, user: impl Into<Principal>, label: &str) -> TestClient {
    TestClient::signed_in(app, Login::new(user).label(label)).await
}

pub(crate) async fn staff(app: &Router) -> TestClient {
    device(app, STAFF, "Desk").await
}

/// A page as a member of staff sees it, with its forms.
pub(crate) struct Shown(pub(crate) TestResponse);

pub(crate) async fn show(client: &TestClient, path: &str) -> Shown {
    let response = client.get(&format!("{ADMIN}{path}")).header("accept", "text/html").await;
    Shown(response)
}

impl Shown {
    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert_eq!(self.0.status(), 200, "{}", self.0.text());
        self
    }

    pub(crate) fn html(&self) -> &str {
        self.0.text()
    }

    #[track_caller]
    pub(crate) fn has(self, text: &str) -> Self {
        assert!(self.html().contains(text), "{text:?} is not in {}", self.html());
        self
    }

    #[track_caller]
    pub(crate) fn lacks(self, text: &str) -> Self {
        assert!(!self.html().contains(text), "{text:?} is in {}", self.html());
        self
    }

    /// The values of an attribute, decoded.
    pub(crate) fn attributes(&self, name: &str) -> Vec<String> {
        let start = format!(" {name}=\"");
        let values = self.html().split(&start).skip(1).filter_map(|rest| rest.split('"').next());
        values.map(|value| value.replace("&#38;", "&").replace("&amp;", "&").replace("&#39;", "'")).collect()
    }

    /// The addresses of the links whose path begins like this.
    pub(crate) fn links(&self, path: &str) -> Vec<String> {
        let start = format!("{ADMIN}{path}");
        self.attributes("href").into_iter().filter(|link| link.starts_with(&start)).collect()
    }

    /// The addresses of the forms that end something.
    pub(crate) fn forms(&self, path: &str) -> Vec<String> {
        let start = format!("{ADMIN}{path}");
        self.attributes("action").into_iter().filter(|action| action.starts_with(&start)).collect()
    }

    /// The token in the forms of the page.
    pub(crate) fn csrf(&self) -> String {
        let rest = self.html().split("name=\"csrf\" value=\"").nth(1).expect("a form with a token");
        rest.split('"').next().unwrap().to_owned()
    }
}

/// Follows a link of a page.
pub(crate) async fn follow(client: &TestClient, link: &str) -> Shown {
    Shown(client.get(link).await)
}

/// Submits a form of a page.
pub(crate) async fn submit(client: &TestClient, page: &Shown, form: &str) -> Shown {
    Shown(client.post(form).form(&[("csrf", &page.csrf())]).follow_redirects().await)
}
