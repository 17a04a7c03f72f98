use std::fmt;

use super::Session;
use super::client_token::ClientToken;
use super::request::RequestSession;

/// Keeps a session from falling idle for as long as it lives: see [`Session::keep_active`].
#[must_use = "the session falls idle as usual once this is dropped"]
pub struct KeepActive(RequestSession);

impl Session {
    /// Has the session not fall idle until what this returns is dropped, also when the response has begun: for a WebSocket
    /// or a stream that is use of the session by itself. Its end counts as activity.
    ///
    /// Without it, an open stream or socket keeps nothing alive: a page that was left open for the night would otherwise keep
    /// its visitor logged in. What it reads or writes in the session counts as activity at that moment.
    ///
    /// The absolute lifetime ends the session as always, and so does a logout. A login or a rotation elsewhere replaces the
    /// token, and then this keeps nothing alive any more. Where there is no session yet, it begins to hold when there is one.
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
        self.request.with_token(|held| held.keep_active(self.request.engine()));
        KeepActive(self.request.clone())
    }

    /// Has this request not count as activity: for what a page asks on its own, such as polls and "minutes left", which
    /// would otherwise keep a visitor logged in who has left. [`SessionLayer::without_activity`](crate::SessionLayer::without_activity)
    /// does it for all requests of a route.
    ///
    /// Whatever the request has done before and does after: call it anywhere in the handler. What it writes counts all the
    /// same, as the store restarts the idle timeout with each write.
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
        self.0.with_token(|held| held.stop_keeping_active(self.0.engine()));
    }
}

impl fmt::Debug for KeepActive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeepActive").finish_non_exhaustive()
    }
}
