use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use crate::time::Sleep;

/// Waits for a notification, or until a time, if there is one, whichever comes first.
pub(super) async fn notified_or_due(notified: impl Future<Output = ()>, mut due: Option<Sleep>) {
    let mut notified = pin!(notified);
    poll_fn(|context| match due.as_mut().map(|due| due.as_mut().poll(context)) {
        Some(Poll::Ready(())) => Poll::Ready(()),
        Some(Poll::Pending) | None => notified.as_mut().poll(context),
    })
    .await;
}
