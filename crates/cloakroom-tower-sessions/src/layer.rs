use std::fmt;
use std::sync::Arc;

use cloakroom::Principal;
use tower_layer::Layer;

use crate::Data;
use crate::service::TowerSessionsService;

/// A `tower` layer that gives every request a `tower_sessions::Session` in the request's
/// [`cloakroom::Session`].
///
/// Put it where `SessionManagerLayer` was, with a [`SessionLayer`](cloakroom::SessionLayer) around
/// it. The cookie and the lifetimes are those of Cloakroom.
///
/// ```
/// use axum::Router;
/// use cloakroom::{SessionLayer, Sessions};
/// use cloakroom_tower_sessions::TowerSessionsLayer;
///
/// let app: Router = Router::new()
///     .layer(TowerSessionsLayer::new())
///     .layer(SessionLayer::new(Sessions::in_memory()));
/// ```
///
/// `axum-login`'s `AuthManagerLayerBuilder` takes a `SessionManagerLayer` and brings its own
/// session. Use its `AuthManager` instead, which takes the one of this layer:
///
/// ```
/// # use axum_login::{AuthUser, AuthnBackend};
/// # #[derive(Clone, Debug)] struct User(i64);
/// # impl AuthUser for User {
/// #     type Id = i64;
/// #     fn id(&self) -> i64 { self.0 }
/// #     fn session_auth_hash(&self) -> &[u8] { b"" }
/// # }
/// # #[derive(Clone)] struct Backend;
/// # impl AuthnBackend for Backend {
/// #     type User = User;
/// #     type Credentials = ();
/// #     type Error = std::convert::Infallible;
/// #     async fn authenticate(&self, _: ()) -> Result<Option<User>, Self::Error> { Ok(None) }
/// #     async fn get_user(&self, _: &i64) -> Result<Option<User>, Self::Error> { Ok(None) }
/// # }
/// # let backend = Backend;
/// use axum::Router;
/// use axum_login::AuthManager;
/// use cloakroom::{Principal, SessionLayer, Sessions};
/// use cloakroom_tower_sessions::TowerSessionsLayer;
/// use tower::layer::layer_fn;
///
/// let auth = layer_fn(move |inner| AuthManager::new(inner, backend.clone(), "axum-login.data"));
/// let app: Router = Router::new()
///     .layer(auth)
///     .layer(TowerSessionsLayer::new().principal(|data| {
///         let id = data.get("axum-login.data")?.get("user_id")?.as_i64()?;
///         Some(Principal::new(id.to_string()))
///     }))
///     .layer(SessionLayer::new(Sessions::in_memory()));
/// ```
///
/// # When data is written
///
/// As with `SessionManagerLayer`: when the handler has returned and its response is no server
/// error, or when the code calls `Session::save`. Each write takes one commit, which contains only
/// the keys that changed since the request read them; of two requests that change the same key, the
/// later one wins. If a write fails, the response is that of the
/// [error](cloakroom::SessionErrorKind::status) and not the handler's.
///
/// `cycle_id` and `flush` act when they return: the old token is dead then.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TowerSessionsLayer {
    principal_of: Option<PrincipalOf>,
}

impl TowerSessionsLayer {
    /// A layer for applications that keep the logged-in user in the session's data only.
    pub const fn new() -> Self {
        Self { principal_of: None }
    }

    /// Sets how the logged-in principal is found in the data of a session. Default: none is.
    ///
    /// With it, `sessions.of(principal)` lists, limits and revokes these sessions too. The function
    /// is called before each write. If it returns another principal than the session has, the
    /// session is first logged in as that principal, as by
    /// [`Session::login`](cloakroom::Session::login), and keeps the data that an anonymous
    /// `tower_sessions::Session` had, but no other values of an anonymous session. If it returns
    /// `None` and there is one, the session ends, and the data goes into a new one.
    pub fn principal(mut self, of: impl Fn(&Data) -> Option<Principal> + Send + Sync + 'static) -> Self {
        self.principal_of = Some(PrincipalOf(Arc::new(of)));
        self
    }
}

impl<S> Layer<S> for TowerSessionsLayer {
    type Service = TowerSessionsService<S>;

    fn layer(&self, inner: S) -> TowerSessionsService<S> {
        TowerSessionsService::new(inner, self.principal_of.clone())
    }
}

type FindPrincipal = dyn Fn(&Data) -> Option<Principal> + Send + Sync;

/// The application's function that finds the principal in the data of a session.
#[derive(Clone)]
pub(crate) struct PrincipalOf(Arc<FindPrincipal>);

impl PrincipalOf {
    pub(crate) fn call(&self, data: &Data) -> Option<Principal> {
        (self.0)(data)
    }
}

impl fmt::Debug for PrincipalOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrincipalOf")
    }
}
