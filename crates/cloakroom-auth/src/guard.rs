use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum_core::response::{IntoResponse, Response};
use cloakroom::SessionValue;
use http::Request;
use http::request::Parts;
use tower_layer::Layer;
use tower_service::Service;

use crate::{AuthRejection, User};

/// A `tower` layer that lets only signed-in users pass, or only those with a permission.
///
/// ```
/// # use axum::{Router, routing::{get, post}};
/// # use cloakroom::SessionValue;
/// # use cloakroom_auth::Guard;
/// # #[derive(Clone, serde::Serialize, serde::Deserialize, SessionValue)]
/// # #[session(ttl = "1m")]
/// struct Account { roles: Vec<String> }
///
/// fn is_staff(account: &Account) -> bool {
///     account.roles.iter().any(|role| role == "staff")
/// }
///
/// let account: Router = Router::new()
///     .route("/account", get(|| async { "yours" }))
///     .route_layer(Guard::<Account>::signed_in());
/// let staff: Router = Router::new()
///     .route("/staff", get(|| async { "for staff" }))
///     .route("/staff/close", post(|| async { "closed" }))
///     .route_layer(Guard::requires(is_staff));
/// # drop((account, staff));
/// ```
///
/// The guard protects the routes that the router has when the layer is added. In axum, prefer
/// `route_layer`: with `layer`, a path that does not exist asks for a login too. An
/// [`AuthLayer`](crate::AuthLayer) must wrap the guard.
///
/// Other requests get the response of an [`AuthRejection`]: a redirect to the login page or 401 if
/// nobody is signed in, 403 without the permission. The handler is not called.
///
/// The permission is checked on the user that the session caches, so a role that was withdrawn is
/// effective after the ttl of the user's type, or at once with
/// `sessions.of(user).invalidate::<Account>()`. For rights that depend on the request, such as the
/// owner of an article, check in the handler and return [`AuthRejection::Forbidden`].
pub struct Guard<U>(Arc<dyn Fn(&U) -> bool + Send + Sync>);

impl<U: SessionValue> Guard<U> {
    /// A guard that lets every signed-in user pass.
    #[must_use]
    pub fn signed_in() -> Self {
        Self::requires(|_| true)
    }

    /// A guard that lets the users pass for whom `is_permitted` returns `true`.
    #[must_use]
    pub fn requires(is_permitted: impl Fn(&U) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(is_permitted))
    }

    /// Returns an error unless the user of the request may pass.
    async fn check(&self, parts: &mut Parts) -> Result<(), AuthRejection> {
        let user = User::<U>::read(parts).await?.ok_or_else(|| AuthRejection::sign_in(parts))?;
        if (self.0)(&user) { Ok(()) } else { Err(AuthRejection::Forbidden) }
    }
}

impl<U> Clone for Guard<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<U> fmt::Debug for Guard<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guard").finish_non_exhaustive()
    }
}

impl<U: SessionValue, S> Layer<S> for Guard<U> {
    type Service = GuardService<U, S>;

    fn layer(&self, inner: S) -> GuardService<U, S> {
        GuardService { guard: self.clone(), inner }
    }
}

/// The service that [`Guard`] makes.
pub struct GuardService<U, S> {
    guard: Guard<U>,
    inner: S,
}

impl<U, S: Clone> Clone for GuardService<U, S> {
    fn clone(&self) -> Self {
        Self { guard: self.guard.clone(), inner: self.inner.clone() }
    }
}

impl<U, S> fmt::Debug for GuardService<U, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardService").finish_non_exhaustive()
    }
}

/// The response of a [`GuardService`].
pub type GuardFuture<E> = Pin<Box<dyn Future<Output = Result<Response, E>> + Send>>;

impl<U, S, B> Service<Request<B>> for GuardService<U, S>
where
    U: SessionValue,
    S: Service<Request<B>, Response: IntoResponse, Future: Send> + Clone + Send + 'static,
    B: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = GuardFuture<S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let guard = self.guard.clone();
        // Only the present service is ready; its clone may not be.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            match guard.check(&mut parts).await {
                Ok(()) => inner.call(Request::from_parts(parts, body)).await.map(IntoResponse::into_response),
                Err(rejection) => Ok(rejection.into_response()),
            }
        })
    }
}
