use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use crate::session::Handle;

use super::answer::answer;

pin_project! {
    /// The response of a [`SessionService`](super::SessionService): the inner one, with a token if
    /// that changed and with cache headers if the session was used.
    #[must_use = "futures do nothing unless polled"]
    pub struct SessionFuture<F>
    where
        F: Future,
    {
        #[pin]
        inner: F,
        // None where a layer outside answers for the same session.
        answering: Option<Handle>,
        held_back: Option<HeldBack<F::Output>>,
        has_responded: bool,
    }

    impl<F> PinnedDrop for SessionFuture<F>
    where
        F: Future,
    {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            // The handler panicked, or the request was cancelled: whatever token was made, nobody gets it.
            if let Some(handle) = this.answering.as_ref().filter(|_| !*this.has_responded) {
                handle.abandon();
            }
        }
    }
}

/// A response that waits until it is known what to tell the client of its token.
struct HeldBack<R> {
    response: R,
    settled: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<F: Future> SessionFuture<F> {
    pub(super) const fn new(inner: F, answering: Option<Handle>) -> Self {
        Self { inner, answering, held_back: None, has_responded: false }
    }
}

impl<F, B, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let Some(handle) = &*this.answering else { return this.inner.poll(context) };
        let response = ready!(respond(this.inner, handle, this.held_back, context));
        *this.has_responded = response.is_ok();
        Poll::Ready(response)
    }
}

fn respond<F, B, E>(
    inner: Pin<&mut F>,
    handle: &Handle,
    place: &mut Option<HeldBack<F::Output>>,
    context: &mut Context<'_>,
) -> Poll<F::Output>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    if let Some(held_back) = place.take() {
        return settle(held_back, place, handle, context);
    }
    let mut response = ready!(inner.poll(context));
    if tell(handle, &mut response) {
        return Poll::Ready(response);
    }
    let asking = handle.clone();
    let settled = Box::pin(async move { asking.settle().await });
    settle(HeldBack { response, settled }, place, handle, context)
}

fn settle<B, E>(
    mut held_back: HeldBack<Result<Response<B>, E>>,
    place: &mut Option<HeldBack<Result<Response<B>, E>>>,
    handle: &Handle,
    context: &mut Context<'_>,
) -> Poll<Result<Response<B>, E>> {
    if held_back.settled.as_mut().poll(context).is_pending() {
        *place = Some(held_back);
        return Poll::Pending;
    }
    tell(handle, &mut held_back.response);
    Poll::Ready(held_back.response)
}

/// Answers whether it is known what to tell the client; if not, it has to be asked for first.
fn tell<B, E>(handle: &Handle, response: &mut Result<Response<B>, E>) -> bool {
    response.as_mut().map_or(true, |response| answer(handle, response))
}

impl<F: Future> std::fmt::Debug for SessionFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}
