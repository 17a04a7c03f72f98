use std::fmt;

use super::Session;
use super::client_token::ClientToken;
use super::request::RequestSession;

/// Keeps a session from falling idle until it is dropped: see [`Session::keep_active`].
#[must_use = "the session can fall idle again once this is dropped"]
pub struct KeepActive(RequestSession);

impl Session {
    /// Keeps the session from falling idle until the returned guard is dropped, even after the
    /// response has started.
    ///
    /// For a WebSocket or a stream that is by itself a use of the session. Dropping the guard
    /// counts as activity.
    ///
    /// Without a guard, an open stream or socket keeps nothing alive: otherwise a page left open
    /// overnight would keep its visitor logged in. Reading or writing the session from a stream
    /// counts as activity at that moment.
    ///
    /// The absolute lifetime still ends the session, and so does a logout. A login or a rotation
    /// elsewhere replaces the token, and then this guard has no effect any more. If there is no
    /// session yet, the guard takes effect once there is one.
    ///
    /// ```
    /// # use cloakroom::Session;
    /// # async fn talk() {}
    /// async fn call(session: Session) {
    ///     let _active = session.keep_active();
    ///     tokio::select! {
    ///         _reason = session.ended() => {}
    ///         () = talk() => {}
    ///     }
    /// }
    /// ```
    pub fn keep_active(&self) -> KeepActive {
        self.request.with_token(|token| token.keep_active(self.request.engine()));
        KeepActive(self.request.clone())
    }

    /// Excludes this request from activity: for requests that a page makes by itself, such as polls
    /// and "minutes left", which would otherwise keep an absent visitor logged in.
    ///
    /// [`SessionLayer::without_activity`](crate::SessionLayer::without_activity) does this for all
    /// requests of a route. Call it anywhere in the handler: it covers everything the request did
    /// before and does afterwards. Only its writes still count, because the store restarts the idle
    /// timeout with each write.
    ///
    /// ```
    /// # use cloakroom::{Session, SessionError};
    /// async fn minutes_left(session: Session) -> Result<String, SessionError> {
    ///     session.without_activity();
    ///     let end = session.expires_at().await?;
    ///     Ok(end.map_or(0, |end| end.as_millis() / 60_000).to_string())
    /// }
    /// # let _: axum::Router = axum::Router::new().route("/left", axum::routing::get(minutes_left));
    /// ```
    pub fn without_activity(&self) {
        self.request.with_token(ClientToken::set_passive);
    }
}

impl Drop for KeepActive {
    fn drop(&mut self) {
        self.0.with_token(|token| token.stop_keeping_active(self.0.engine()));
    }
}

impl fmt::Debug for KeepActive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepActive").finish_non_exhaustive()
    }
}
