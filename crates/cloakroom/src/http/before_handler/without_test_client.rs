//! A build without the feature `test-client` does nothing before the handler.

use std::task::{Context, Poll};

use http::Extensions;

pub(super) struct Preparation;

impl Preparation {
    pub(super) const fn begin(_: &mut Extensions) -> Self {
        Self
    }

    pub(super) const fn poll(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }
}
