use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use askama::filters::HtmlSafe;
use axum::extract::Query;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::sse::{Event as Message, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use cloakroom::{CrossOrigin, EventKind, Events, LogId, SameOrigin};
use futures_util::future::{BoxFuture, FutureExt, select_all};
use futures_util::{Stream, StreamExt, stream};
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use crate::frame::{Frame, Page, render};
use crate::instant::Instant;
use crate::links::Links;
use crate::problem::Problem;
use crate::recent_events::{Batch, NumberedEvent, Position};
use crate::text::Text;
use crate::visit::Visit;

/// How long events are gathered before they are sent, so that a flood is few messages.
const GATHERING: Duration = Duration::from_millis(200);
/// After this time the browser connects again, and the guard decides again.
const MAX_STREAM: Duration = Duration::from_secs(600);

#[derive(Deserialize)]
pub(crate) struct EventsQuery {
    /// `off`: a page without script does not load itself again.
    reload: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct StreamQuery {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    frame: Frame,
    rows: Vec<EventRow>,
    position: Position,
    is_reloading: bool,
}

#[derive(Template)]
#[template(path = "event_row.html")]
struct EventRow {
    at: Instant,
    name: &'static str,
    reason: Option<&'static str>,
    user: Option<(Text, String)>,
    session: Option<LogId>,
}

/// The template escapes it.
impl HtmlSafe for EventRow {}

impl EventRow {
    fn new(event: &NumberedEvent, links: &Links) -> Self {
        let event = &event.event;
        Self {
            at: Instant::new(event.at),
            name: event.kind.name(),
            reason: match event.kind {
                EventKind::Ended(reason) => Some(reason.name()),
                _ => None,
            },
            user: event.principal.as_ref().map(|user| (Text::new(user.as_str()), links.user(user))),
            session: event.session,
        }
    }
}

/// Returns the rows of a batch, the newest first.
fn rows(batch: &Batch, links: &Links) -> Vec<EventRow> {
    batch.events.iter().rev().map(|event| EventRow::new(event, links)).collect()
}

/// `GET /events`
pub(crate) async fn show(visit: Visit, Query(query): Query<EventsQuery>) -> Response {
    let batch = visit.events.all();
    let page = EventsPage {
        rows: rows(&batch, &visit.links),
        position: batch.position,
        is_reloading: query.reload.as_deref() != Some("off"),
        frame: Frame::new(&visit, Page::Events, None),
    };
    render(StatusCode::OK, &page)
}

/// `GET /events/stream`: rows for the script of the page, from a position on.
pub(crate) async fn stream(
    visit: Visit,
    origin: Result<SameOrigin, CrossOrigin>,
    headers: HeaderMap,
    Query(query): Query<StreamQuery>,
) -> Result<Response, Problem> {
    origin.map_err(|_| Problem::OtherSite)?;
    let permit = Arc::clone(&visit.streams).try_acquire_owned().map_err(|_| Problem::TooManyStreams)?;
    // A browser that connects again sends the id of the last message that it has; the address is
    // still that of the first connection.
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()).or(query.after.as_deref());
    let over = over(&visit).await?;
    let follower = Follower {
        listener: visit.sessions.events(),
        position: last.and_then(|last| visit.events.position(last)),
        visit,
        _permit: permit,
    };
    let messages = Sse::new(follower.messages().take_until(over)).keep_alive(KeepAlive::default());
    // In place of the `no-cache` of `Sse`.
    Ok(([(header::CACHE_CONTROL, "no-store")], messages).into_response())
}

/// Resolves when a stream has to end: with the session of the member of staff, with the application,
/// and after a while.
async fn over(visit: &Visit) -> Result<BoxFuture<'static, ()>, Problem> {
    let mut reasons = vec![visit.closing.clone().boxed(), tokio::time::sleep(MAX_STREAM).boxed()];
    if let Some(session) = visit.session.clone()
        && session.exists().await?
    {
        reasons.push(async move { session.ended().await }.map(|_| ()).boxed());
    }
    Ok(select_all(reasons).map(drop).boxed())
}

/// What a stream has sent so far.
struct Follower {
    visit: Visit,
    /// Only wakes the stream; the events come from those that are kept.
    listener: Events,
    /// `None` if the page has events of another process, or none.
    position: Option<Position>,
    _permit: OwnedSemaphorePermit,
}

impl Follower {
    fn messages(self) -> impl Stream<Item = Result<Message, std::convert::Infallible>> + Send {
        stream::unfold(self, |mut follower| async move {
            let message = follower.next().await?;
            Some((Ok(message), follower))
        })
    }

    async fn next(&mut self) -> Option<Message> {
        let Some(mut position) = self.position else {
            let batch = self.visit.events.all();
            return Some(self.message("all", &batch));
        };
        loop {
            let batch = self.visit.events.after(position);
            if !batch.events.is_empty() {
                return Some(self.message("more", &batch));
            }
            position = batch.position;
            self.listener.recv().await?;
            tokio::time::sleep(GATHERING).await;
            // What arrives from here on wakes the stream once more.
            while self.listener.try_recv().is_some() {}
        }
    }

    fn message(&mut self, name: &str, batch: &Batch) -> Message {
        self.position = Some(batch.position);
        let rows: String = rows(batch, &self.visit.links).iter().map(ToString::to_string).collect();
        Message::default().event(name).id(batch.position.to_string()).data(rows)
    }
}
