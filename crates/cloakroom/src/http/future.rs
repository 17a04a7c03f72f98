use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use crate::session::{InProgress, RequestSession};

use super::response::apply;

pin_project! {
    /// The response of a [`SessionService`](super::SessionService): the inner one, with a token if
    /// that changed and with cache headers if the session was used.
    #[must_use = "futures do nothing unless polled"]
    pub struct SessionFuture<F>
    where
        F: Future,
    {
        // None when it is through: what it holds must not seem to belong to the body.
        #[pin]
        inner: Option<F>,
        // None where a layer outside answers for the same session, and when the response has begun.
        answering: Option<InProgress>,
        held_back: Option<PendingResponse<F::Output>>,
    }

    impl<F> PinnedDrop for SessionFuture<F>
    where
        F: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // The handler panicked, or the request was cancelled: whatever token was made, nobody gets it.
            if let Some(answering) = &*this.answering {
                answering.handle().abandon();
            }
        }
    }
}

/// A response that waits until it is known what to tell the client of its token.
struct PendingResponse<R> {
    response: R,
    settled: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl<F: Future> SessionFuture<F> {
    pub(super) fn new(inner: F, answering: Option<RequestSession>) -> Self {
        Self { inner: Some(inner), answering: answering.map(InProgress::new), held_back: None }
    }
}

impl<F, B, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let place = this.held_back;
        let mut held_back = match (place.take(), this.inner.as_mut().as_pin_mut()) {
            (Some(held_back), _) => held_back,
            (None, Some(inner)) => {
                let response = ready!(inner.poll(context));
                this.inner.set(None);
                PendingResponse { response, settled: None }
            }
            // Polled again after it was ready, which nobody may.
            (None, None) => return Poll::Pending,
        };
        if let Some(answering) = &*this.answering {
            if held_back.poll_applied(answering.handle(), context).is_pending() {
                *place = Some(held_back);
                return Poll::Pending;
            }
            if held_back.response.is_err() {
                answering.handle().abandon();
            }
            *this.answering = None;
        }
        Poll::Ready(held_back.response)
    }
}

impl<B, E> PendingResponse<Result<Response<B>, E>> {
    /// Ready once the response says what its client is to be told.
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
        // Before the answer, to which a handle that is still alive says that the body will read the session.
        self.settled = None;
        apply_to(handle, &mut self.response);
        Poll::Ready(())
    }
}

/// Answers whether it is known what to tell the client; if not, it has to be asked for first.
fn apply_to<B, E>(handle: &RequestSession, response: &mut Result<Response<B>, E>) -> bool {
    response.as_mut().map_or(true, |response| apply(handle, response))
}

impl<F: Future> std::fmt::Debug for SessionFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}
