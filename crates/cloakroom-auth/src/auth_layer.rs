use std::any::type_name;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};

use cloakroom::{ConfigError, SessionValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use http::{Extensions, Request};
use tower_layer::Layer;
use tower_service::Service;

use crate::current_user::DynUserSource;
use crate::next::is_safe;
use crate::{AuthRejection, UserSource};

/// A `tower` layer with which extractors and guards load users and find the login page.
///
/// Goes between the routes and the [`SessionLayer`](cloakroom::SessionLayer): add it *before* the
/// session layer, and *after* the routes and their guards. Put it on the outermost router: one that
/// is added to a nested router does not see the whole path of a request, to which the visitor should
/// return. See [the crate's example](crate).
///
/// The layer itself loads nothing. For users of two types, such as customers and partners, add two
/// layers.
pub struct AuthLayer<U> {
    users: Users<U>,
    login_page: Option<Arc<str>>,
}

impl<U: SessionValue> AuthLayer<U> {
    /// A layer that loads users from `source`, without a login page: a request that needs a user
    /// gets 401.
    #[must_use]
    pub fn new(source: impl UserSource<User = U>) -> Self {
        Self { users: Users(Arc::new(source)), login_page: None }
    }

    /// Sets the path to which a browser is redirected if nobody is signed in. Default: none.
    ///
    /// The redirect adds the query parameter `next`, which [`Next`](crate::Next) reads. Programs
    /// still get 401: requests that do not ask for HTML, that a script sends, or that carry an
    /// `Authorization` header.
    ///
    /// # Errors
    /// If it is not the path of a page of this site, such as `/login`.
    pub fn login_page(self, path: &str) -> Result<Self, ConfigError> {
        if !is_safe(path) || path.contains('?') {
            let problem = format!("is {path:?} and must be a path of this site without a query, such as \"/login\"");
            return Err(ConfigError::new("login_page", problem));
        }
        Ok(Self { login_page: Some(path.into()), ..self })
    }
}

impl<U> Clone for AuthLayer<U> {
    fn clone(&self) -> Self {
        Self { users: self.users.clone(), login_page: self.login_page.clone() }
    }
}

impl<U> fmt::Debug for AuthLayer<U> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").field("login_page", &self.login_page).finish_non_exhaustive()
    }
}

/// In a request's extensions: the source of the users of type `U`.
struct Users<U>(Arc<dyn DynUserSource<U>>);

impl<U> Clone for Users<U> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

/// In a request's extensions: what the redirect to the login page consists of.
#[derive(Clone, Debug, Default)]
pub(crate) struct SignInTarget {
    pub(crate) login_page: Option<Arc<str>>,
    /// What was requested, before a nested router removed its prefix.
    pub(crate) requested: Option<PathAndQuery>,
}

/// Returns the source of the users of type `U`.
pub(crate) fn source_of<U: SessionValue>(parts: &Parts) -> Result<Arc<dyn DynUserSource<U>>, AuthRejection> {
    let users = parts.extensions.get::<Users<U>>().map(|users| Arc::clone(&users.0));
    users.ok_or_else(|| AuthRejection::no_layer(type_name::<U>(), parts))
}

impl<U: SessionValue, S> Layer<S> for AuthLayer<U> {
    type Service = AuthService<U, S>;

    fn layer(&self, inner: S) -> AuthService<U, S> {
        AuthService { layer: self.clone(), inner }
    }
}

/// The service that [`AuthLayer`] makes.
pub struct AuthService<U, S> {
    layer: AuthLayer<U>,
    inner: S,
}

impl<U, S: Clone> Clone for AuthService<U, S> {
    fn clone(&self) -> Self {
        Self { layer: self.layer.clone(), inner: self.inner.clone() }
    }
}

impl<U, S> fmt::Debug for AuthService<U, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthService").field("layer", &self.layer).finish_non_exhaustive()
    }
}

impl<U: SessionValue, S: Service<Request<B>>, B> Service<Request<B>> for AuthService<U, S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> S::Future {
        let path = request.uri().path_and_query().cloned();
        self.layer.describe_sign_in(path, request.extensions_mut());
        request.extensions_mut().insert(self.layer.users.clone());
        self.inner.call(request)
    }
}

impl<U> AuthLayer<U> {
    /// Adds this layer's settings to those of an outer one.
    fn describe_sign_in(&self, path: Option<PathAndQuery>, extensions: &mut Extensions) {
        let outer = extensions.get::<SignInTarget>().cloned().unwrap_or_default();
        let login_page = self.login_page.clone().or(outer.login_page);
        extensions.insert(SignInTarget { login_page, requested: outer.requested.or(path) });
    }
}
