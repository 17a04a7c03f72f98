use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use crate::session::{InProgress, RequestSession};

use super::before_handler::Preparation;
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
        preparation: Preparation,
        // `None` once the inner future is complete: what it holds must not appear to belong to the
        // body.
        #[pin]
        inner: Option<F>,
        // `None` if an outer layer responds for the same session, and once the response has begun.
        answering: Option<InProgress>,
        // Boxed, because hardly any response waits, and the future is moved with every box of a
        // layer around it.
        pending: Option<Box<PendingResponse<F::Output>>>,
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
    settled: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<F: Future> SessionFuture<F> {
    pub(super) fn new(preparation: Preparation, inner: F, answering: Option<RequestSession>) -> Self {
        Self { preparation, inner: Some(inner), answering: answering.map(InProgress::new), pending: None }
    }
}

impl<F, B, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.pending.is_none() {
            ready!(this.preparation.poll(context));
            // `None` if it is polled again after it was ready, which is not allowed.
            let Some(inner) = this.inner.as_mut().as_pin_mut() else { return Poll::Pending };
            let mut response = ready!(inner.poll(context));
            this.inner.set(None);
            let Some(answering) = &*this.answering else { return Poll::Ready(response) };
            if apply_to(answering.session(), &mut response) {
                return Poll::Ready(begin(this.answering, response));
            }
            *this.pending = Some(Box::new(PendingResponse::new(response, answering.session())));
        }
        let Some(pending) = this.pending else { return Poll::Pending };
        ready!(pending.settled.as_mut().poll(context));
        let Some(pending) = this.pending.take() else { return Poll::Pending };
        let PendingResponse { mut response, settled } = *pending;
        // Drop the future before the response is applied: a request handle that is still alive
        // would mean that the body will read the session.
        drop(settled);
        if let Some(answering) = &*this.answering {
            apply_to(answering.session(), &mut response);
        }
        Poll::Ready(begin(this.answering, response))
    }
}

impl<R> PendingResponse<R> {
    fn new(response: R, handle: &RequestSession) -> Self {
        let asking = handle.clone();
        Self { response, settled: Box::pin(async move { asking.resolve_pending().await }) }
    }
}

/// Ends the request, because its response begins.
fn begin<R, E>(answering: &mut Option<InProgress>, response: Result<R, E>) -> Result<R, E> {
    if let (Some(answering), Err(_)) = (&*answering, &response) {
        answering.session().abandon();
    }
    *answering = None;
    response
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
