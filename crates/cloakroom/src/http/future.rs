use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use crate::session::{InProgress, RequestSession};

use super::response::apply;

pin_project! {
    /// The response future of a [`SessionService`](super::SessionService).
    ///
    /// Resolves to the inner response, with a token if it changed and with cache headers if the
    /// session was used.
    #[must_use = "futures do nothing unless polled"]
    pub struct SessionFuture<F>
    where
        F: Future,
    {
        // `None` once the inner future is complete: what it holds must not appear to belong to the
        // body.
        #[pin]
        inner: Option<F>,
        // `None` if an outer layer responds for the same session, and once the response has begun.
        answering: Option<InProgress>,
        pending: Option<PendingResponse<F::Output>>,
    }

    impl<F> PinnedDrop for SessionFuture<F>
    where
        F: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // The handler panicked, or the request was cancelled: no client receives a token that
            // was issued.
            if let Some(answering) = &*this.answering {
                answering.session().abandon();
            }
        }
    }
}

/// A response that waits until it is known which token its client has to receive.
struct PendingResponse<R> {
    response: R,
    settled: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<F: Future> SessionFuture<F> {
    pub(super) fn new(inner: F, answering: Option<RequestSession>) -> Self {
        Self { inner: Some(inner), answering: answering.map(InProgress::new), pending: None }
    }
}

impl<F, B, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let place = this.pending;
        let mut pending = match (place.take(), this.inner.as_mut().as_pin_mut()) {
            (Some(pending), _) => pending,
            (None, Some(inner)) => {
                let response = ready!(inner.poll(context));
                this.inner.set(None);
                PendingResponse { response, settled: None }
            }
            // Polled again after it was ready, which is not allowed.
            (None, None) => return Poll::Pending,
        };
        if let Some(answering) = &*this.answering {
            if pending.poll_applied(answering.session(), context).is_pending() {
                *place = Some(pending);
                return Poll::Pending;
            }
            if pending.response.is_err() {
                answering.session().abandon();
            }
            *this.answering = None;
        }
        Poll::Ready(pending.response)
    }
}

impl<B, E> PendingResponse<Result<Response<B>, E>> {
    /// Ready once the token update is applied to the response.
    fn poll_applied(&mut self, handle: &RequestSession, context: &mut Context<'_>) -> Poll<()> {
        let settled = match &mut self.settled {
            Some(settled) => settled,
            None if apply_to(handle, &mut self.response) => return Poll::Ready(()),
            none => {
                let asking = handle.clone();
                none.insert(Box::pin(async move { asking.resolve_pending().await }))
            }
        };
        ready!(settled.as_mut().poll(context));
        // Drop the future before the response is applied: a request handle that is still alive
        // would mean that the body will read the session.
        self.settled = None;
        apply_to(handle, &mut self.response);
        Poll::Ready(())
    }
}

/// Returns `true` if the token update was known and is applied; if not, it has to be resolved
/// first.
fn apply_to<B, E>(handle: &RequestSession, response: &mut Result<Response<B>, E>) -> bool {
    response.as_mut().map_or(true, |response| apply(handle, response))
}

impl<F: Future> std::fmt::Debug for SessionFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}
