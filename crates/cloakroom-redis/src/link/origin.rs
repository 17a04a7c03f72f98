use std::time::Duration;

use redis::{Client, ConnectionAddr, ConnectionInfo, RedisResult};

use super::sentinels::Sentinels;
use crate::address;

/// Where a link finds its server.
#[derive(Debug)]
pub(crate) struct Origin {
    place: Place,
    /// Whether a server on another machine may be talked to in the clear.
    plaintext: bool,
}

enum Place {
    /// At a fixed address.
    Fixed(Box<ConnectionInfo>),
    /// Wherever the sentinels say that the master is, each time anew.
    Sentinels(Box<Sentinels>, Vec<ConnectionAddr>),
}

impl Origin {
    pub(crate) fn at(info: &ConnectionInfo, plaintext: bool) -> Self {
        Self { place: Place::Fixed(Box::new(info.clone())), plaintext }
    }

    /// The master that these sentinels call by this name.
    pub(crate) fn watched_by(first: &ConnectionInfo, more: &[ConnectionInfo], master: &str, plaintext: bool) -> Self {
        let addresses = std::iter::once(first).chain(more).map(|info| info.addr().clone()).collect();
        let sentinels = Sentinels::new(first, more, master.to_owned(), plaintext);
        Self { place: Place::Sentinels(Box::new(sentinels), addresses), plaintext }
    }

    /// A client of the server, which has been sent nothing yet if its address may not be talked to in the clear:
    /// it may have been named by somebody else than the application.
    pub(crate) async fn client(&self) -> RedisResult<Client> {
        let info = match &self.place {
            Place::Fixed(info) => ConnectionInfo::clone(info),
            Place::Sentinels(sentinels, _) => sentinels.master().await?,
        };
        address::refuse_exposed(&info, self.plaintext)?;
        Client::open(info)
    }

    /// Resolves when a sentinel names another server than this one that agrees to be the master. Never, where there are no
    /// sentinels.
    ///
    /// A master that stood still for a moment does not know that it was replaced until a sentinel has told it, by
    /// default ten seconds later, and says all that time that it is one.
    pub(crate) async fn names_other(&self, present: &ConnectionAddr, every: Duration) {
        let Place::Sentinels(sentinels, _) = &self.place else { return std::future::pending().await };
        let mut rhythm = tokio::time::interval(every);
        rhythm.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        rhythm.tick().await;
        loop {
            rhythm.tick().await;
            // No answer within a round says nothing.
            let others = tokio::time::timeout(every, sentinels.masters_but(present)).await;
            if others.unwrap_or(false) {
                return;
            }
        }
    }

    /// The addresses that the application gave.
    pub(crate) fn given(&self) -> &[ConnectionAddr] {
        match &self.place {
            Place::Fixed(info) => std::slice::from_ref(info.addr()),
            Place::Sentinels(_, addresses) => addresses,
        }
    }
}

impl std::fmt::Debug for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Sentinels(..) => "Sentinels",
        })
    }
}
