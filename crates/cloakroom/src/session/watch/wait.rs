use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::time::Sleep;

/// Waits for a notification, or until a time, if there is one, whichever comes first. Returns `true`
/// for a notification.
pub(super) async fn notified_or_due(notified: impl Future<Output = ()>, mut due: Option<Sleep>) -> bool {
    let mut notified = pin!(notified);
    poll_fn(|context| match due.as_mut().map(|due| due.as_mut().poll(context)) {
        Some(Poll::Ready(())) => Poll::Ready(false),
        Some(Poll::Pending) | None => notified.as_mut().poll(context).map(|()| true),
    })
    .await
}
