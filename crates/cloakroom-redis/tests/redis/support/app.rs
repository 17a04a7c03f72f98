use axum::Router;
use axum::body::Body;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::{CookieConfig, OnStoreError, Session, SessionError, SessionLayer, Sessions};
use http::header::{COOKIE, RETRY_AFTER, SET_COOKIE};
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::Count;

/// A small application, in which store failures become HTTP responses.
pub(crate) fn app(sessions: &Sessions) -> Router {
    app_that(sessions, OnStoreError::default())
}

/// The application with this policy for reads while the store is unavailable.
pub(crate) fn app_that(sessions: &Sessions, on_store_error: OnStoreError) -> Router {
    let count = async |session: Session| Ok::<_, SessionError>(text(session.get::<Count>().await?.map(|c| c.0)));
    let add = async |session: Session| {
        let number = session.update(|count: &mut Count| {
            count.0 += 1;
            count.0
        });
        number.await.map(|number| number.to_string())
    };
    let login = async |session: Session, Path(user): Path<String>| session.login(user.as_str()).await;
    let logout = async |session: Session| session.destroy().await;
    Router::new()
        .route("/untouched", any(|| async { "untouched" }))
        .route("/count", axum::routing::get(count).post(add))
        .route("/login/{user}", any(login))
        .route("/logout", any(logout))
        .layer(
            SessionLayer::new(sessions.clone())
                .cookie(CookieConfig::insecure_for_localhost())
                .on_store_error(on_store_error),
        )
}

fn text(count: Option<u64>) -> String {
    count.map_or_else(|| "none".to_owned(), |count| count.to_string())
}

/// A client that keeps its cookie.
#[derive(Clone, Debug)]
pub(crate) struct Browser {
    app: Router,
    pub(crate) cookie: Option<String>,
}

/// The parts of a response that a client sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: String,
    pub(crate) retry_after: bool,
    /// The complete `Set-Cookie` header, if there is one.
    pub(crate) set_cookie: Option<String>,
}

impl Browser {
    pub(crate) fn new(app: &Router) -> Self {
        Self { app: app.clone(), cookie: None }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Reply {
        self.request(Method::GET, path).await
    }

    pub(crate) async fn post(&mut self, path: &str) -> Reply {
        self.request(Method::POST, path).await
    }

    async fn request(&mut self, method: Method, path: &str) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let response = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let set_cookie = parts.headers.get(SET_COOKIE).map(|set| set.to_str().unwrap().to_owned());
        if let Some(set) = &set_cookie {
            let pair = set.split(';').next().unwrap().to_owned();
            if let Some((_, token)) = pair.split_once('=') {
                cloakroom_secret_scan::record("token", token);
            }
            self.cookie = (!set.contains("Max-Age=0")).then_some(pair);
        }
        let body = body.collect().await.unwrap().to_bytes();
        Reply {
            status: parts.status,
            body: String::from_utf8_lossy(&body).into_owned(),
            retry_after: parts.headers.contains_key(RETRY_AFTER),
            set_cookie,
        }
    }
}

impl Reply {
    /// Checks that the request failed because the store is unavailable, without any effect on the
    /// session.
    #[track_caller]
    pub(crate) fn is_unavailable(&self) {
        assert_eq!(self.status, StatusCode::SERVICE_UNAVAILABLE, "{self:?}");
        assert!(self.retry_after, "{self:?}");
        assert_eq!(self.set_cookie, None, "a failure does not remove the session cookie");
    }

    #[track_caller]
    pub(crate) fn is(&self, body: &str) {
        assert_eq!((self.status, self.body.as_str()), (StatusCode::OK, body));
    }
}
