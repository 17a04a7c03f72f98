//! Work with a request's session before its handler runs, for the test client of
//! `cloakroom-testkit`.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Extensions;

use crate::session::Session;
use crate::sync::{Arc, Mutex};

type Running = Pin<Box<dyn Future<Output = ()> + Send>>;
type Work = Box<dyn FnOnce(Session) -> Running + Send>;

/// An extension of a request: what the outermost layer does with the session before the handler.
///
/// Only a program can add it, not a client. The layer looks for it in builds with the feature
/// `test-client` alone.
#[derive(Clone)]
pub struct BeforeHandler(Arc<Mutex<Option<Work>>>);

impl BeforeHandler {
    /// Work that is done once.
    pub fn new<F>(work: impl FnOnce(Session) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        Self(Arc::new(Mutex::new(Some(Box::new(move |session| Box::pin(work(session)))))))
    }
}

impl fmt::Debug for BeforeHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BeforeHandler").finish_non_exhaustive()
    }
}

/// The work of a request, if it has any.
pub(super) struct Preparation(Option<Running>);

impl Preparation {
    pub(super) fn begin(extensions: &mut Extensions) -> Self {
        let work = extensions.remove::<BeforeHandler>().and_then(|before| before.0.lock().take());
        Self(work.zip(Session::from_extensions(extensions)).map(|(work, session)| work(session)))
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(running) = &mut self.0 {
            ready!(running.as_mut().poll(context));
            // Drops its session, which would seem to be in use otherwise.
            self.0 = None;
        }
        Poll::Ready(())
    }
}
