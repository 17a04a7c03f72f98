//! Users with roles, and routes that need one.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, RwLock};

use axum::Router;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use cloakroom::{ConfigError, CookieConfig, Principal, SessionError, SessionLayer, SessionValue, Sessions};
use cloakroom_auth::{AuthLayer, Guard, User, UserRecord, UserSource};
use serde::{Deserialize, Serialize};

/// The signed-in user, loaded once per session and minute.
#[derive(Clone, Debug, Serialize, Deserialize, SessionValue)]
#[session(ttl = "1m")]
pub struct Colleague {
    name: String,
    roles: BTreeSet<String>,
}

impl Colleague {
    fn has(&self, role: &str) -> bool {
        self.roles.contains(role)
    }
}

/// The roles of all users; in your application, a table of its database.
#[derive(Clone, Debug, Default)]
pub struct Staff(Arc<RwLock<BTreeMap<String, BTreeSet<String>>>>);

impl Staff {
    /// Gives a user a role.
    pub fn appoint(&self, user: &str, role: &str) {
        let mut roles = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        roles.entry(user.to_owned()).or_default().insert(role.to_owned());
    }

    fn dismiss(&self, user: &str) {
        self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner).remove(user);
    }
}

impl UserSource for Staff {
    type User = Colleague;
    type Error = Infallible;

    async fn load(&self, principal: &Principal) -> Result<Option<UserRecord<Colleague>>, Infallible> {
        let name = principal.as_str().to_owned();
        let all = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let roles = all.get(&name).cloned().unwrap_or_default();
        Ok(Some(UserRecord::new(Colleague { name, roles })))
    }
}

async fn desk(colleague: User<Colleague>) -> String {
    format!("The desk of {}.", colleague.name)
}

/// Withdraws all roles of a user, at once and in every session: without the second line, sessions
/// would keep them for up to a minute.
async fn dismiss(
    State((staff, sessions)): State<(Staff, Sessions)>,
    Path(user): Path<String>,
) -> Result<(), SessionError> {
    staff.dismiss(&user);
    sessions.of(user).invalidate::<Colleague>().await.map(drop)
}

/// Returns the application.
///
/// # Errors
/// If the path of the login page is malformed.
pub fn app(sessions: Sessions, staff: Staff) -> Result<Router, ConfigError> {
    let editors = Router::new()
        .route("/desk", get(desk))
        .route_layer(Guard::requires(|colleague: &Colleague| colleague.has("editor")));
    let chiefs = Router::new()
        .route("/staff/{user}/dismiss", post(dismiss))
        .route_layer(Guard::requires(|colleague: &Colleague| colleague.has("chief")));
    let layer = SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
    Ok(Router::new()
        .merge(editors)
        .merge(chiefs)
        .layer(AuthLayer::new(staff.clone()).login_page("/login")?)
        .layer(layer)
        .with_state((staff, sessions)))
}
