//! The rule for the bytes of one direction.

use std::time::Duration;
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

/// A direction of the bytes through a [`Proxy`](crate::Proxy).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From the client: commands.
    ToServer,
    /// From the server: replies and pushes.
    ToClient,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Rule {
    pub(super) swallow: bool,
    pub(super) hold: bool,
    pub(super) delay: Duration,
}

/// A copy task's view of the rule, which may change at any time.
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
        // An error means that the proxy was dropped, so its rule no longer applies.
        let _gone = self.0.wait_for(|rule| !rule.swallow).await;
    }

    /// Returns when bytes with this due time may be written.
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
