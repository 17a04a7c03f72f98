use axum::extract::Query;
use axum::http::HeaderValue;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use cloakroom::{Login, Session, SessionError, SessionErrorKind, SessionValue, Sessions};
use serde::Deserialize;

use crate::view::{Count, Items, Note, UNCHANGED, View};

#[derive(Debug, Deserialize)]
struct Change {
    owner: u64,
    #[serde(default)]
    item: u64,
}

pub(super) fn router(sessions: Sessions) -> Router {
    Router::new()
        .route("/view", get(view))
        .route("/append", post(append))
        .route("/count", post(count))
        .route("/note", post(note))
        .route("/login", post(login))
        .route("/logout", post(logout))
        .route("/whoami", get(whoami))
        .route("/rollbacks", get(async move || Json(rollbacks(&sessions))))
}

/// Reports whether something may have been changed, which the status alone does not tell.
struct Failed(SessionError);

impl From<SessionError> for Failed {
    fn from(error: SessionError) -> Self {
        Self(error)
    }
}

impl IntoResponse for Failed {
    fn into_response(self) -> Response {
        let unchanged = self.0.kind() != SessionErrorKind::OutcomeUnknown;
        let mut response = self.0.into_response();
        if unchanged {
            response.headers_mut().insert(UNCHANGED, HeaderValue::from_static("1"));
        }
        response
    }
}

type Answer = Result<Json<View>, Failed>;

fn rollbacks(sessions: &Sessions) -> View {
    View { rollbacks: sessions.stats().rollbacks, ..View::default() }
}

async fn view(session: Session) -> Answer {
    let (items, count, note) = (read(&session).await?, read(&session).await?, read(&session).await?);
    // Read last: if the user is still logged in now, the values were read while it was, so that a
    // session that ends in between does not look like one that lost its values.
    let principal = session.principal().await?.map(|principal| principal.as_str().to_owned());
    Ok(Json(View { principal, items, count, note, ..View::default() }))
}

async fn read<T: SessionValue>(session: &Session) -> Result<Option<T>, SessionError> {
    Ok(session.get::<T>().await?.map(|value| T::clone(&value)))
}

async fn whoami(session: Session) -> Answer {
    let principal = session.principal().await?.map(|principal| principal.as_str().to_owned());
    Ok(Json(View { principal, ..View::default() }))
}

async fn append(session: Session, Query(change): Query<Change>) -> Answer {
    let items = session.update(|items: &mut Items| {
        if items.owner == 0 {
            items.owner = change.owner;
        }
        items.list.push(change.item);
        items.clone()
    });
    Ok(Json(View { items: Some(items.await?), ..View::default() }))
}

async fn count(session: Session, Query(change): Query<Change>) -> Answer {
    let count = session.update(|count: &mut Count| {
        if count.owner == 0 {
            count.owner = change.owner;
        }
        count.n += 1;
        count.clone()
    });
    Ok(Json(View { count: Some(count.await?), ..View::default() }))
}

async fn note(session: Session, Query(change): Query<Change>) -> Answer {
    let note = Note { owner: change.owner, text: change.item };
    session.set(note.clone()).await?;
    Ok(Json(View { note: Some(note), ..View::default() }))
}

async fn login(session: Session, Query(change): Query<Change>) -> Answer {
    session.login(Login::new(change.owner.to_string()).keep::<Items>().keep::<Count>().keep::<Note>()).await?;
    Ok(Json(View { principal: Some(change.owner.to_string()), ..View::default() }))
}

async fn logout(session: Session) -> Answer {
    session.destroy().await?;
    Ok(Json(View::default()))
}
