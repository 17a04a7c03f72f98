use std::time::Duration;

use redis::{Client, ConnectionAddr, ConnectionInfo, RedisResult};

use super::sentinels::Sentinels;
use crate::address;

/// The source of a server's address.
#[derive(Debug)]
pub(crate) struct Endpoint {
    place: EndpointSource,
    /// Whether a server on another machine may be contacted without encryption.
    plaintext: bool,
}

enum EndpointSource {
    /// A fixed address.
    Fixed(Box<ConnectionInfo>),
    /// The master that the sentinels report, looked up again for each connection.
    Sentinels(Box<Sentinels>, Vec<ConnectionAddr>),
}

impl Endpoint {
    pub(crate) fn configured(info: &ConnectionInfo, plaintext: bool) -> Self {
        Self { place: EndpointSource::Fixed(Box::new(info.clone())), plaintext }
    }

    /// The master that these sentinels know as `master`.
    pub(crate) fn sentinel(first: &ConnectionInfo, more: &[ConnectionInfo], master: &str, plaintext: bool) -> Self {
        let addresses = std::iter::once(first).chain(more).map(|info| info.addr().clone()).collect();
        let sentinels = Sentinels::new(first, more, master.to_owned(), plaintext);
        Self { place: EndpointSource::Sentinels(Box::new(sentinels), addresses), plaintext }
    }

    /// Creates a client of the server. Refuses an address that must not be contacted without
    /// encryption before anything is sent, because the address may come from a sentinel and not
    /// from the application.
    pub(crate) async fn client(&self) -> RedisResult<Client> {
        let info = match &self.place {
            EndpointSource::Fixed(info) => ConnectionInfo::clone(info),
            EndpointSource::Sentinels(sentinels, _) => sentinels.master().await?,
        };
        address::refuse_plaintext(&info, self.plaintext)?;
        Client::open(info)
    }

    /// Resolves when most of the sentinels name a master other than the one at this address. Never
    /// resolves without sentinels.
    ///
    /// A master that was suspended while it was replaced reports for some ten seconds that it still
    /// is the master, until a sentinel reconfigures it.
    pub(crate) async fn replaced(&self, present: &ConnectionAddr, every: Duration) {
        let EndpointSource::Sentinels(sentinels, _) = &self.place else { return std::future::pending().await };
        let mut rhythm = tokio::time::interval(every);
        rhythm.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        rhythm.tick().await;
        loop {
            rhythm.tick().await;
            // Sentinels that do not answer within a round do not count.
            if tokio::time::timeout(every, sentinels.agree_on_other_master(present)).await.unwrap_or(false) {
                return;
            }
        }
    }

    /// The addresses that the application configured.
    pub(crate) fn configured_addresses(&self) -> &[ConnectionAddr] {
        match &self.place {
            EndpointSource::Fixed(info) => std::slice::from_ref(info.addr()),
            EndpointSource::Sentinels(_, addresses) => addresses,
        }
    }
}

impl std::fmt::Debug for EndpointSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Sentinels(..) => "Sentinels",
        })
    }
}
