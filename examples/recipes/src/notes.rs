//! Pages with askama: forms that other sites cannot send, and messages after a redirect.

use askama::Template;
use axum::Form;
use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use cloakroom::{CookieConfig, Session, SessionError, SessionLayer, SessionValue, Sessions};
use cloakroom_auth::flash::{Flash, FlashMessage};
use serde::{Deserialize, Serialize};

const LONGEST: usize = 200;

#[derive(Clone, Debug, Default, Serialize, Deserialize, SessionValue)]
struct Notes(Vec<String>);

#[derive(Template)]
#[template(path = "notes.html")]
struct Page<'a> {
    messages: &'a [FlashMessage],
    notes: &'a [String],
    csrf: &'a str,
}

async fn show(session: Session, flash: Flash) -> Result<Response, SessionError> {
    let notes = match session.get::<Notes>().await? {
        Some(notes) => notes.0.clone(),
        None => {
            // The form carries a token of the session, so the first visit creates one.
            session.set(Notes::default()).await?;
            Vec::new()
        }
    };
    let csrf = session.csrf_token().await?.map_or_else(String::new, |token| token.as_str().to_owned());
    // Last, because messages that were taken are gone if the handler fails afterwards.
    let messages = flash.take().await?;
    let page = Page { messages: &messages, notes: &notes, csrf: &csrf };
    Ok(match page.render() {
        Ok(page) => Html(page).into_response(),
        Err(error) => {
            tracing::error!(%error, "the page cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    })
}

#[derive(Deserialize)]
struct NewNote {
    csrf: String,
    text: String,
}

/// A browser that reloads the page after this sends the `GET` again, not the form.
async fn add(session: Session, flash: Flash, Form(note): Form<NewNote>) -> Result<Redirect, SessionError> {
    session.check_csrf(&note.csrf).await?;
    let text = note.text.trim();
    if text.is_empty() || text.chars().count() > LONGEST {
        flash.error("A note has 1 to 200 characters.").await?;
    } else {
        session.update(|notes: &mut Notes| notes.0.push(text.to_owned())).await?;
        flash.success("Saved.").await?;
    }
    Ok(Redirect::to("/"))
}

/// Returns the application.
pub fn app(sessions: Sessions) -> Router {
    let layer = SessionLayer::new(sessions).cookie(CookieConfig::insecure_for_localhost());
    Router::new().route("/", get(show).post(add)).layer(layer)
}
