use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::header::SET_COOKIE;
use http::{HeaderMap, Response};
use pin_project_lite::pin_project;

use crate::session::{Handle, Reply};

use super::cache_control::{Exposure, restrict};
use super::cookie_config::CookieConfig;
use super::set_cookie;

pin_project! {
    /// The response of a [`SessionService`](super::SessionService): the inner one, with a cookie if the
    /// token changed and with cache headers if the session was used.
    #[must_use = "futures do nothing unless polled"]
    pub struct SessionFuture<F>
    where
        F: Future,
    {
        #[pin]
        inner: F,
        handle: Handle,
        held_back: Option<HeldBack<F::Output>>,
    }
}

/// A response that waits until it is known what to tell the client of its token.
struct HeldBack<R> {
    response: R,
    settled: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl<F: Future> SessionFuture<F> {
    pub(super) const fn new(inner: F, handle: Handle) -> Self {
        Self { inner, handle, held_back: None }
    }
}

impl<F, B, E> Future for SessionFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match this.held_back.take() {
            None => ready!(this.inner.poll(context)),
            Some(held_back) => return settle(held_back, this.held_back, this.handle, context),
        };
        if response.is_ok() && this.handle.is_unsettled() {
            let handle = this.handle.clone();
            let settled = Box::pin(async move { handle.settle().await });
            return settle(HeldBack { response, settled }, this.held_back, this.handle, context);
        }
        Poll::Ready(answered(response, this.handle))
    }
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
    Poll::Ready(answered(held_back.response, handle))
}

fn answered<B, E>(response: Result<Response<B>, E>, handle: &Handle) -> Result<Response<B>, E> {
    let mut response = response?;
    answer(handle, response.headers_mut());
    Ok(response)
}

impl<F: Future> std::fmt::Debug for SessionFuture<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SessionFuture").finish_non_exhaustive()
    }
}

/// Tells the client what became of its token, and caches what became of the response.
fn answer(handle: &Handle, headers: &mut HeaderMap) {
    if !handle.was_used() {
        return;
    }
    let Some(config) = handle.transport::<CookieConfig>() else { return };
    let cookie = match handle.reply() {
        Reply::Unchanged => return restrict(headers, Exposure::Used),
        Reply::Keep { token, lifetime, persistent } => {
            let max_age = (persistent || config.is_persistent()).then_some(lifetime);
            set_cookie::issue(config, &token, max_age)
        }
        Reply::Forget => set_cookie::remove(config),
    };
    headers.append(SET_COOKIE, cookie);
    restrict(headers, Exposure::TokenIssued);
}
