//! A small application with one route for each operation of a session.

use std::convert::Infallible;

use axum::Router;
use axum::extract::Path;
use axum::routing::{any, get};
use cloakroom::{Login, Session, SessionError};

use super::{Count, Kept, Note, Theme, minutes};

/// Every operation of a session, as `/do/{verb}` names it.
pub(crate) const VERBS: [&str; 28] = [
    "get",
    "update",
    "try-update",
    "update-cached",
    "take",
    "clear",
    "set",
    "remove",
    "invalidate",
    "load",
    "find",
    "login",
    "renew",
    "rotate",
    "refresh",
    "destroy",
    "remember",
    "exists",
    "has-token",
    "authenticated-within",
    "principal",
    "authenticated-at",
    "created-at",
    "expires-at",
    "public-id",
    "extract",
    "extract-option",
    "ended",
];

/// The verbs that create a session if there is none.
pub(crate) const CREATING_VERBS: [&str; 4] = ["update", "try-update", "set", "login"];

pub(crate) fn routes() -> Router {
    Router::new()
        .route("/untouched", any(|| async { "untouched" }))
        .route("/note", any(read_note))
        .route("/note/{text}", any(write_note))
        .route("/kept/{text}", any(write_kept))
        .route("/count", get(read_count).post(count))
        .route("/whoami", any(who_am_i))
        .route("/login/{user}", any(log_in))
        .route("/login-keeping/{user}", any(log_in_keeping))
        .route("/login-remembered/{user}", any(log_in_remembered))
        .route("/do/extract", any(extract))
        .route("/do/extract-option", any(extract_option))
        .route("/do/{verb}", any(perform_verb))
}

async fn read_note(note: Option<Session<Note>>) -> String {
    note.map_or_else(|| "nothing".to_owned(), |note| note.0.clone())
}

async fn write_note(session: Session, Path(text): Path<String>) -> Result<String, SessionError> {
    session.set(Note(text.clone())).await?;
    Ok(text)
}

async fn write_kept(session: Session, Path(text): Path<String>) -> Result<String, SessionError> {
    session.set(Kept(text.clone())).await?;
    Ok(text)
}

async fn read_count(count: Session<Count>) -> String {
    count.0.to_string()
}

async fn count(count: Session<Count>) -> Result<String, SessionError> {
    let number = count
        .update(|count| {
            count.0 += 1;
            count.0
        })
        .await?;
    Ok(number.to_string())
}

async fn who_am_i(session: Session) -> Result<String, SessionError> {
    let principal = session.principal().await?;
    Ok(principal.map_or_else(|| "nobody".to_owned(), |principal| principal.as_str().to_owned()))
}

async fn log_in(session: Session, Path(user): Path<String>) -> Result<String, SessionError> {
    session.login(user.as_str()).await?;
    Ok(user)
}

async fn log_in_keeping(session: Session, Path(user): Path<String>) -> Result<String, SessionError> {
    session.login(Login::new(user.as_str()).keep::<Kept>().label("Testbrowser")).await?;
    Ok(user)
}

async fn log_in_remembered(session: Session, Path(user): Path<String>) -> Result<String, SessionError> {
    session.login(Login::new(user.as_str()).remember(minutes(60 * 24 * 30))).await?;
    Ok(user)
}

async fn extract(note: Session<Note>) -> String {
    note.0.len().to_string()
}

async fn extract_option(note: Option<Session<Note>>) -> String {
    note.is_some().to_string()
}

async fn perform_verb(session: Session, Path(verb): Path<String>) -> Result<String, SessionError> {
    perform(&session, &verb).await
}

/// Performs the operation that `verb` names.
pub(crate) async fn perform(session: &Session, verb: &str) -> Result<String, SessionError> {
    Ok(match verb {
        "get" => session.get::<Note>().await?.is_some().to_string(),
        "update" => session.update::<Note, _>(|note| note.0.push('u')).await.map(|()| "updated".to_owned())?,
        "try-update" => {
            let tried = session.try_update(|note: &mut Note| {
                note.0.push('t');
                Ok::<_, Infallible>("tried")
            });
            tried.await?.unwrap().to_owned()
        }
        "update-cached" => session.update_cached(|theme: &mut Theme| theme.0.push('u')).await?.is_some().to_string(),
        "take" => session.take::<Note>().await?.is_some().to_string(),
        "clear" => session.clear().await?.to_string(),
        "set" => session.set(Note("set".to_owned())).await.map(|()| "set".to_owned())?,
        "remove" => session.remove::<Note>().await?.to_string(),
        "invalidate" => session.invalidate::<Theme>().await.map(|()| "invalidated".to_owned())?,
        "load" => session.get_or_load(|| async { Ok::<_, Infallible>(Theme("dark".into())) }).await?.0.clone(),
        "find" => {
            session.find_or_load::<Theme, _, _>(|| async { Ok::<_, Infallible>(None) }).await?.is_some().to_string()
        }
        "login" => session.login("dave").await.map(|()| "logged in".to_owned())?,
        "renew" => session.renew().await.map(|()| "renewed".to_owned())?,
        "rotate" => session.rotate().await.map(|()| "rotated".to_owned())?,
        "refresh" => session.refresh().await?.to_string(),
        "destroy" => session.destroy().await.map(|()| "destroyed".to_owned())?,
        "remember" => session.remember(minutes(60 * 24 * 30)).await.map(|()| "remembered".to_owned())?,
        "exists" => session.exists().await?.to_string(),
        "has-token" => session.has_token().to_string(),
        "authenticated-within" => session.authenticated_within(minutes(10)).await?.to_string(),
        "principal" => session.principal().await?.is_some().to_string(),
        "authenticated-at" => session.authenticated_at().await?.is_some().to_string(),
        "created-at" => session.created_at().await?.is_some().to_string(),
        "expires-at" => session.expires_at().await?.is_some().to_string(),
        "public-id" => session.public_id().await?.is_some().to_string(),
        "ended" => {
            tokio::select! { biased; reason = session.ended() => format!("{reason:?}"), () = async {} => "lives".to_owned() }
        }
        "extract" | "extract-option" => session.get::<Note>().await?.is_some().to_string(),
        "nothing" => "nothing".to_owned(),
        other => panic!("unknown verb {other}"),
    })
}
