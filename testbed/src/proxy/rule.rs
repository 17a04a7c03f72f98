//! What is done to the bytes of a direction.

use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// Which way bytes go through a [`Proxy`](crate::Proxy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// What the client sends: commands.
    ToServer,
    /// What the server sends: replies and pushes.
    ToClient,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) swallow: bool,
    pub(super) hold: bool,
    pub(super) delay: Duration,
}

/// A pump's view of the rule, which may change at any time.
#[derive(Clone, Debug)]
pub(super) struct Watched(watch::Receiver<Rule>);

impl Watched {
    pub(super) fn new(rules: &watch::Sender<Rule>) -> Self {
        Self(rules.subscribe())
    }

    pub(super) fn now(&self) -> Rule {
        *self.0.borrow()
    }

    pub(super) async fn until_not_swallowed(&mut self) {
        // An error means that the proxy is gone, and with it the wish.
        let _gone = self.0.wait_for(|rule| !rule.swallow).await;
    }

    /// Returns when something read with this due time may be written.
    pub(super) async fn until_allowed(&mut self, due: Option<Instant>) {
        if let Some(due) = due {
            let mut lifted = self.0.clone();
            tokio::select! {
                () = sleep_until(due) => {}
                _ = lifted.wait_for(|rule| rule.delay.is_zero()) => {}
            }
        }
        let _gone = self.0.wait_for(|rule| !rule.hold).await;
    }
}
