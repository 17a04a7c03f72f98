//! Messages that one request leaves for the next page.

use axum_core::extract::FromRequestParts;
use cloakroom::{Session, SessionError};
use http::request::Parts;

mod message;

pub use message::{FlashMessage, FlashMessages, Level};

/// An extractor for messages that one request leaves for the next page: "Saved", after the redirect
/// that follows a form.
///
/// ```
/// use axum::response::Redirect;
/// use cloakroom::SessionError;
/// use cloakroom_auth::flash::Flash;
///
/// async fn save(flash: Flash) -> Result<Redirect, SessionError> {
///     flash.success("Saved.").await?;
///     Ok(Redirect::to("/settings"))
/// }
///
/// async fn settings(flash: Flash) -> Result<String, SessionError> {
///     // Escape the texts if you write HTML.
///     let lines = flash.take().await?.into_iter().map(|message| format!("{}: {}\n", message.level, message.text));
///     Ok(lines.collect())
/// }
/// # let _: axum::Router = axum::Router::new().route("/settings", axum::routing::get(settings).post(save));
/// ```
///
/// Each message is taken by one request, however many ask in parallel, on any number of nodes. If
/// the response of that request does not arrive, because the handler fails afterwards or the client
/// hangs up, the messages are lost: take them last. Do not use it for messages that must arrive.
///
/// A visitor without messages gets no session and no cookie. A message waits as long as its session
/// lives. Of more than [`MAX`](Self::MAX), the oldest are dropped. A login drops the messages of the
/// anonymous session, unless it has `keep::<FlashMessages>()`.
///
/// # Rejections
/// As [`Session`].
#[derive(Clone, Debug)]
pub struct Flash(Session);

impl Flash {
    /// How many messages wait at most.
    pub const MAX: usize = 20;

    /// The messages of a session, for services without axum.
    #[must_use]
    pub const fn new(session: Session) -> Self {
        Self(session)
    }

    /// Adds a message. Creates the session if there is none.
    ///
    /// # Errors
    /// As [`Session::update`].
    pub async fn push(&self, level: Level, text: impl Into<String>) -> Result<(), SessionError> {
        let message = FlashMessage { level, text: text.into() };
        self.0.update(|messages: &mut FlashMessages| messages.push(message.clone(), Self::MAX)).await
    }

    /// Adds a message of [`Level::Debug`].
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn debug(&self, text: impl Into<String>) -> Result<(), SessionError> {
        self.push(Level::Debug, text).await
    }

    /// Adds a message of [`Level::Info`].
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn info(&self, text: impl Into<String>) -> Result<(), SessionError> {
        self.push(Level::Info, text).await
    }

    /// Adds a message of [`Level::Success`].
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn success(&self, text: impl Into<String>) -> Result<(), SessionError> {
        self.push(Level::Success, text).await
    }

    /// Adds a message of [`Level::Warning`].
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn warning(&self, text: impl Into<String>) -> Result<(), SessionError> {
        self.push(Level::Warning, text).await
    }

    /// Adds a message of [`Level::Error`].
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub async fn error(&self, text: impl Into<String>) -> Result<(), SessionError> {
        self.push(Level::Error, text).await
    }

    /// Removes all messages and returns them, oldest first.
    ///
    /// # Errors
    /// As [`Session::take`].
    pub async fn take(&self) -> Result<Vec<FlashMessage>, SessionError> {
        Ok(self.0.take::<FlashMessages>().await?.map_or_else(Vec::new, FlashMessages::into_vec))
    }
}

impl<S: Sync> FromRequestParts<S> for Flash {
    type Rejection = SessionError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, SessionError> {
        <Session as FromRequestParts<()>>::from_request_parts(parts, &()).await.map(Self)
    }
}
