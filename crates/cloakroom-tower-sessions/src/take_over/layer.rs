use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use tower_layer::Layer;

use super::{NewSession, OldCookie, OldSession, OldStore, TakeOverKey, TakeOverService};

/// A `tower` layer that continues the sessions of another library.
///
/// A request that carries the old cookie, and no live session of Cloakroom, gets a new session with
/// what the old one had. Its response sets the new token and removes the old cookie, and the old
/// session is deleted. Nobody is logged out by the move to Cloakroom.
///
/// ```
/// use std::time::{Duration, SystemTime};
///
/// use axum::Router;
/// use cloakroom::{Login, SessionLayer, Sessions};
/// use cloakroom_tower_sessions::{NewSession, OldCookie, TakeOverKey, TakeOverLayer, TowerSessionsLayer};
/// use tower_sessions::MemoryStore;
///
/// # fn end_of_the_old_sessions() -> SystemTime { SystemTime::now() + Duration::from_secs(14 * 24 * 60 * 60) }
/// # let (old_store, secret) = (MemoryStore::default(), [7; 32]);
/// let key = TakeOverKey::new(secret)?;
/// let take_over = TakeOverLayer::new(OldCookie::named("id"), old_store, key)
///     .convert(|old| {
///         let session = NewSession::with_data(&old.data);
///         match old.data.get("axum-login.data").and_then(|data| data["user_id"].as_i64()) {
///             Some(user) => session.login(Login::new(user.to_string())),
///             None => session,
///         }
///     })
///     .until(end_of_the_old_sessions());
/// let app: Router = Router::new()
///     .layer(TowerSessionsLayer::new())
///     .layer(take_over)
///     .layer(SessionLayer::new(Sessions::in_memory()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Any number of parallel requests with one old cookie, on any number of nodes, arrive at one new
/// session: its token follows from the old id and the [key](TakeOverKey). A request is served when
/// its old session is deleted; if the old store or Cloakroom's cannot be reached, the response is
/// 503, and the visitor keeps the old cookie for another attempt.
///
/// An old cookie beside a live session of Cloakroom is removed, and its session deleted: the visitor
/// has moved before, and the response that said so was lost.
///
/// Put it inside of the [`SessionLayer`](cloakroom::SessionLayer), and around everything that uses a
/// session. Do not use it longer than the old sessions live: every request with an old cookie costs
/// a lookup in both stores, whether the cookie means anything or not.
#[derive(Clone, Debug)]
#[must_use]
pub struct TakeOverLayer(Arc<Settings>);

type Convert = dyn Fn(&OldSession) -> NewSession + Send + Sync;

#[derive(Clone)]
pub(super) struct Settings {
    pub(super) cookie: OldCookie,
    pub(super) store: Arc<dyn OldStore>,
    pub(super) key: TakeOverKey,
    pub(super) convert: Arc<Convert>,
    until: Option<SystemTime>,
}

impl TakeOverLayer {
    /// A layer that takes the sessions of this cookie over from this store, with their data, as
    /// anonymous ones. It does so until the layer is removed.
    pub fn new(cookie: OldCookie, store: impl OldStore, key: TakeOverKey) -> Self {
        let convert = Arc::new(|old: &OldSession| NewSession::with_data(&old.data));
        Self(Arc::new(Settings { cookie, store: Arc::new(store), key, convert, until: None }))
    }

    /// Sets how an old session becomes a new one. Default: [`NewSession::with_data`].
    ///
    /// If requests are parallel, it is called for each of them, and one result is used.
    pub fn convert(self, convert: impl Fn(&OldSession) -> NewSession + Send + Sync + 'static) -> Self {
        Self(Arc::new(Settings { convert: Arc::new(convert), ..Settings::clone(&self.0) }))
    }

    /// Sets the end of the take-over, by the clock of the system. Default: none.
    ///
    /// From then on, an old cookie opens nothing and is only removed. Set it to the end of the last
    /// old session: the time of the move, plus the longest lifetime.
    pub fn until(self, end: SystemTime) -> Self {
        Self(Arc::new(Settings { until: Some(end), ..Settings::clone(&self.0) }))
    }
}

impl Settings {
    pub(super) fn is_over(&self) -> bool {
        self.until.is_some_and(|until| SystemTime::now() >= until)
    }
}

impl<S> Layer<S> for TakeOverLayer {
    type Service = TakeOverService<S>;

    fn layer(&self, inner: S) -> TakeOverService<S> {
        TakeOverService::new(inner, Arc::clone(&self.0))
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("cookie", &self.cookie).field("until", &self.until).finish_non_exhaustive()
    }
}
