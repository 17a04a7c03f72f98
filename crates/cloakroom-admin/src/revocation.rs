use std::fmt;

use axum::Form;
use axum::extract::Query;
use axum::extract::rejection::FormRejection;
use axum::http::request::Parts;
use axum::response::Redirect;
use cloakroom::{Principal, PublicId};
use serde::Deserialize;

use crate::csrf::FromThisOrigin;
use crate::problem::Problem;
use crate::session_page::SessionQuery;
use crate::visit::Visit;

/// What a member of staff has ended, for [`AdminPage::on_revoke`](crate::AdminPage::on_revoke).
#[derive(Clone)]
#[non_exhaustive]
pub struct Revocation {
    /// The name that [`AdminPage::staff_name`](crate::AdminPage::staff_name) gave.
    pub staff: Option<String>,
    /// The user whose sessions were ended; `None` if the session was anonymous.
    pub user: Option<Principal>,
    /// The session; `None` if it was all of the user's.
    pub session: Option<PublicId>,
    /// How many sessions ended. `None` if the store failed on the way: some may have ended.
    pub ended: Option<usize>,
}

/// Omits the user: user ids do not belong in logs.
impl fmt::Debug for Revocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { staff, user: _, session, ended } = self;
        let mut debug = f.debug_struct("Revocation");
        debug.field("staff", staff).field("session", session).field("ended", ended).finish_non_exhaustive()
    }
}

/// The fields of a form. What is ended is in the query of its address, because a browser changes
/// line ends in fields.
#[derive(Default, Deserialize)]
pub(crate) struct Proof {
    #[serde(default)]
    csrf: String,
}

#[derive(Deserialize)]
pub(crate) struct UserQuery {
    id: String,
}

/// `POST /session/revoke?id=…`, with `user=…` if it is known.
pub(crate) async fn of_session(
    _: FromThisOrigin,
    visit: Visit,
    Query(query): Query<SessionQuery>,
    head: Parts,
    proof: Result<Form<Proof>, FormRejection>,
) -> Result<Redirect, Problem> {
    let staff = permitted(&visit, head, proof).await?;
    let session = match query.find(&visit).await {
        Ok(session) => session,
        Err(Problem::NoSession) => return Ok(visit.after_revocation(query.user().as_ref(), 0)),
        Err(problem) => return Err(problem),
    };
    let user = match query.user() {
        Some(user) => Some(user),
        // Only for the record: a session that cannot be read is ended all the same.
        None => session.principal().await.ok().flatten(),
    };
    let result = session.revoke().await;
    let ended = result.as_ref().ok().map(|ended| usize::from(*ended));
    visit.record(&Revocation { staff, user, session: Some(session.id()), ended }).await;
    Ok(visit.after_revocation(query.user().as_ref(), usize::from(result?)))
}

/// `POST /user/revoke?id=…`
pub(crate) async fn of_user(
    _: FromThisOrigin,
    visit: Visit,
    Query(query): Query<UserQuery>,
    head: Parts,
    proof: Result<Form<Proof>, FormRejection>,
) -> Result<Redirect, Problem> {
    let staff = permitted(&visit, head, proof).await?;
    let user = Principal::from(query.id);
    let result = visit.sessions.of(&user).revoke_all().await;
    let ended = result.as_ref().ok().copied();
    visit.record(&Revocation { staff, user: Some(user.clone()), session: None, ended }).await;
    match result {
        Ok(ended) => Ok(visit.after_revocation(Some(&user), ended)),
        Err(error) => {
            // Logs it.
            let _ = Problem::from(error);
            Err(Problem::PartlyRevoked)
        }
    }
}

/// Returns the name of the member of staff, before a session ends that may be their own.
async fn permitted(
    visit: &Visit,
    head: Parts,
    proof: Result<Form<Proof>, FormRejection>,
) -> Result<Option<String>, Problem> {
    // A body that is not a form has no proof.
    let Form(proof) = proof.unwrap_or_default();
    visit.check_csrf(&proof.csrf).await?;
    match &visit.staff_name {
        Some(name) => Ok(name(head).await),
        None => Ok(None),
    }
}

impl Visit {
    /// Logs a revocation, and hands it to the application.
    async fn record(&self, revocation: &Revocation) {
        let Revocation { staff, user: _, session, ended } = revocation;
        let (staff, session) = (staff.as_deref(), session.as_ref().map(tracing::field::display));
        match ended {
            Some(ended) => tracing::info!(target: "cloakroom_admin", staff, session, ended, "sessions revoked"),
            None => tracing::warn!(target: "cloakroom_admin", staff, session, "a revocation failed on the way"),
        }
        if let Some(record) = &self.on_revoke {
            record(revocation);
        }
        self.counts.forget().await;
    }

    fn after_revocation(&self, user: Option<&Principal>, ended: usize) -> Redirect {
        Redirect::to(&self.links.after_revocation(user, ended))
    }
}
