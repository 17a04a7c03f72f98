use std::convert::Infallible;
use std::fmt;
use std::future::Future;
use std::num::NonZeroUsize;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use axum::routing::{Route, get, post};
use cloakroom::Sessions;
use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::sync::Semaphore;
use tower_layer::Layer;
use tower_service::Service;

use crate::counts::Counts;
use crate::links::Links;
use crate::recent_events::RecentEvents;
use crate::revocation::Revocation;
use crate::{assets, events_page, overview_page, revocation, session_page, statistics_page, user_page, wrapping};

/// How many streams of events are open at a time.
const MAX_STREAMS: usize = 32;
/// The fields of a form: a user id of some length, percent-encoded, and a token.
const MAX_FORM_BYTES: usize = 64 * 1024;
/// How many entries a page has at most.
const MAX_PAGE_SIZE: usize = 500;

/// Pages for the people who run an application: they find a user's sessions, follow events as they
/// happen, and end sessions.
///
/// [`router`](Self::router) takes the guard that decides who may see them. See the
/// [crate](crate) for an example.
#[must_use = "it does nothing before `router` is called"]
pub struct AdminPage {
    admin: Admin,
}

/// What all requests share.
pub(crate) struct Admin {
    pub(crate) sessions: Sessions,
    pub(crate) title: String,
    pub(crate) page_size: NonZeroUsize,
    pub(crate) way_back: Option<(String, String)>,
    pub(crate) links: Option<Links>,
    pub(crate) staff_name: Option<StaffName>,
    pub(crate) on_revoke: Option<OnRevoke>,
    pub(crate) closing: Shared<Pin<Box<dyn Future<Output = ()> + Send>>>,
    pub(crate) events: RecentEvents,
    pub(crate) streams: Arc<Semaphore>,
    pub(crate) counts: Counts,
}

type StaffName = Box<dyn Fn(Parts) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> + Send + Sync>;
type OnRevoke = Box<dyn Fn(&Revocation) + Send + Sync>;

impl AdminPage {
    /// Pages about these sessions, with every setting at its default.
    ///
    /// They show the events of this process from now on, the latest hundred of sessions with a user
    /// and of those without.
    pub fn new(sessions: &Sessions) -> Self {
        Self {
            admin: Admin {
                sessions: sessions.clone(),
                title: "Sessions".to_owned(),
                page_size: NonZeroUsize::new(50).unwrap_or(NonZeroUsize::MIN),
                way_back: None,
                links: None,
                staff_name: None,
                on_revoke: None,
                closing: (Box::pin(std::future::pending()) as Pin<Box<dyn Future<Output = ()> + Send>>).shared(),
                events: RecentEvents::new(sessions),
                streams: Arc::new(Semaphore::new(MAX_STREAMS)),
                counts: Counts::default(),
            },
        }
    }

    /// Sets the name of the pages, such as that of the application. Default: "Sessions".
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.admin.title = title.into();
        self
    }

    /// Sets how many users or sessions are on a page. Default: 50. At least 1 and at most 500.
    pub fn page_size(mut self, entries: usize) -> Self {
        self.admin.page_size = NonZeroUsize::new(entries.min(MAX_PAGE_SIZE)).unwrap_or(NonZeroUsize::MIN);
        self
    }

    /// Adds a link back to a page of the application. Default: none.
    pub fn way_back(mut self, address: impl Into<String>, text: impl Into<String>) -> Self {
        self.admin.way_back = Some((address.into(), text.into()));
        self
    }

    /// Sets the path at which a browser finds the pages, such as `/staff/sessions`. Default: the path
    /// at which the router is nested.
    ///
    /// Only needed if a proxy or a middleware changes the path of requests.
    pub fn base_path(mut self, path: &str) -> Self {
        self.admin.links = Some(Links::below(path.trim_end_matches('/').to_owned()));
        self
    }

    /// Names the member of staff who ends a session, for the log and for
    /// [`on_revoke`](Self::on_revoke). Default: no name.
    ///
    /// Called with the head of the request: the guard may have left the name in its extensions, or
    /// it may be the principal of its [`Session`](cloakroom::Session).
    ///
    /// ```
    /// # use cloakroom::{Session, Sessions};
    /// # use cloakroom_admin::AdminPage;
    /// # let sessions = Sessions::in_memory();
    /// let page = AdminPage::new(&sessions).staff_name(async |request| {
    ///     let session = Session::from_extensions(&request.extensions)?;
    ///     session.principal().await.ok()?.map(String::from)
    /// });
    /// # drop(page);
    /// ```
    pub fn staff_name<F, Name>(mut self, name: F) -> Self
    where
        F: Fn(Parts) -> Name + Send + Sync + 'static,
        Name: Future<Output = Option<String>> + Send + 'static,
    {
        self.admin.staff_name = Some(Box::new(move |request| Box::pin(name(request))));
        self
    }

    /// Calls a function after each revocation, for an audit log. Default: none.
    ///
    /// A line of the log with the target `cloakroom_admin` is written anyway. It names the member of
    /// staff and not the user, because user ids do not belong in logs.
    pub fn on_revoke(mut self, record: impl Fn(&Revocation) + Send + Sync + 'static) -> Self {
        self.admin.on_revoke = Some(Box::new(record));
        self
    }

    /// Ends the open streams of events when `closing` resolves, as a graceful shutdown needs it.
    /// Default: they end with their client or their session, and after ten minutes.
    pub fn end_streams_when(mut self, closing: impl Future<Output = ()> + Send + 'static) -> Self {
        self.admin.closing = (Box::pin(closing) as Pin<Box<dyn Future<Output = ()> + Send>>).shared();
        self
    }

    /// Returns the pages, behind a guard: a layer that lets only members of staff pass, such as
    /// `Guard` of `cloakroom-auth` or `axum::middleware::from_fn`. It wraps every address of the
    /// router, the unknown ones and the style sheet included.
    ///
    /// Everyone who passes can see every user id and end every session. If a layer further out is the
    /// guard already, pass `tower::layer::util::Identity::new()`.
    ///
    /// Mount it with `nest`, and inside of the application's
    /// [`SessionLayer`](cloakroom::SessionLayer): its forms then carry the CSRF token of the member of
    /// staff. Without a session layer, a form is accepted by its `Sec-Fetch-Site` or `Origin` alone.
    pub fn router<L>(self, guard: L) -> Router
    where
        L: Layer<Route> + Clone + Send + Sync + 'static,
        L::Service: Service<Request> + Clone + Send + Sync + 'static,
        <L::Service as Service<Request>>::Response: IntoResponse + 'static,
        <L::Service as Service<Request>>::Error: Into<Infallible> + 'static,
        <L::Service as Service<Request>>::Future: Send + 'static,
    {
        let admin = Arc::new(self.admin);
        Router::new()
            .route("/", get(overview_page::show))
            .route("/user", get(user_page::show))
            .route("/user/revoke", post(revocation::of_user))
            .route("/session", get(session_page::show))
            .route("/session/revoke", post(revocation::of_session))
            .route("/events", get(events_page::show))
            .route("/events/stream", get(events_page::stream))
            .route("/statistics", get(statistics_page::show))
            .route(assets::STYLE.path, get(async || &assets::STYLE))
            .route(assets::SCRIPT.path, get(async || &assets::SCRIPT))
            .fallback(wrapping::not_found)
            .layer(DefaultBodyLimit::max(MAX_FORM_BYTES))
            .layer(from_fn_with_state(Arc::clone(&admin), wrapping::wrap))
            .layer(guard)
            .with_state(admin)
    }
}

impl fmt::Debug for AdminPage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AdminPage").field("title", &self.admin.title).finish_non_exhaustive()
    }
}
