use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::routing::any;
use cloakroom::Session;
use tokio::sync::Semaphore;

use super::{Note, perform, routes};

/// Pauses a handler after its first use of the session, so that a test decides what happens before
/// the next one.
#[derive(Clone, Debug)]
pub(crate) struct HandlerGate(Arc<Permits>);

#[derive(Debug)]
struct Permits {
    arrived: Semaphore,
    released: Semaphore,
}

impl HandlerGate {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Permits { arrived: Semaphore::new(0), released: Semaphore::new(0) }))
    }

    /// The usual routes, and two that pause: `/paused/{verb}` reads, pauses, and performs the verb;
    /// `/written-then-paused/{note}` writes, and pauses before it responds.
    pub(crate) fn routes(&self) -> Router {
        let gate = self.clone();
        let paused = async move |session: Session, Path(verb): Path<String>| {
            session.get::<Note>().await?;
            gate.pause().await;
            perform(&session, &verb).await
        };
        let gate = self.clone();
        let written = async move |session: Session, Path(note): Path<String>| {
            let outcome = session.set(Note(note)).await;
            gate.pause().await;
            outcome
        };
        routes().route("/paused/{verb}", any(paused)).route("/written-then-paused/{note}", any(written))
    }

    /// Called by the handler: notifies the test and waits for `release`.
    pub(crate) async fn pause(&self) {
        self.0.arrived.add_permits(1);
        self.0.released.acquire().await.unwrap().forget();
    }

    /// Waits until a handler has paused.
    pub(crate) async fn wait_until_paused(&self) {
        self.0.arrived.acquire().await.unwrap().forget();
    }

    /// Lets one handler continue.
    pub(crate) fn release(&self) {
        self.0.released.add_permits(1);
    }
}
