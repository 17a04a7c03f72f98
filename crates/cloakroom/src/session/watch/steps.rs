use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Something that is observed step by step.
pub(super) trait Watcher: Send + Sized + 'static {
    /// The result of a step.
    type Item: Send;

    /// Waits for the next item. `None` if there is none any more.
    fn next(&mut self) -> impl Future<Output = Option<Self::Item>> + Send;
}

/// The steps of a watcher, as a stream. A step that was begun goes on when it is next polled, so
/// that a caller may stop waiting at any time without losing an item.
pub(super) enum Steps<W: Watcher> {
    Idle(Box<W>),
    Waiting(Step<W>),
    Over(Box<W>),
    /// Only while a step is polled.
    Taken,
}

type Step<W> = Pin<Box<dyn Future<Output = (Box<W>, Option<<W as Watcher>::Item>)> + Send>>;

impl<W: Watcher> Steps<W> {
    pub(super) fn new(watcher: W) -> Self {
        Self::Idle(Box::new(watcher))
    }

    /// Returns the watcher after its last item.
    pub(super) fn over(&self) -> Option<&W> {
        match self {
            Self::Over(watcher) => Some(watcher),
            Self::Idle(_) | Self::Waiting(_) | Self::Taken => None,
        }
    }

    pub(super) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<W::Item>> {
        let mut step = match mem::replace(self, Self::Taken) {
            Self::Waiting(step) => step,
            Self::Idle(mut watcher) => Box::pin(async move {
                let item = watcher.next().await;
                (watcher, item)
            }),
            over @ (Self::Over(_) | Self::Taken) => {
                *self = over;
                return Poll::Ready(None);
            }
        };
        match step.as_mut().poll(context) {
            Poll::Pending => {
                *self = Self::Waiting(step);
                Poll::Pending
            }
            Poll::Ready((watcher, item)) => {
                *self = if item.is_some() { Self::Idle(watcher) } else { Self::Over(watcher) };
                Poll::Ready(item)
            }
        }
    }
}
