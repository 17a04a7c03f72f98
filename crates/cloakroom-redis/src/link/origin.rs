use redis::sentinel::SentinelClient;
use redis::{Client, ConnectionInfo, RedisResult};
use tokio::sync::Mutex;

/// Where a link finds its server.
pub(crate) enum Origin {
    /// At a fixed address.
    Fixed(Box<ConnectionInfo>),
    /// Wherever the sentinels say that the master is, each time anew.
    Sentinels(Box<Mutex<SentinelClient>>),
}

impl Origin {
    pub(crate) fn at(info: &ConnectionInfo) -> Self {
        Self::Fixed(Box::new(info.clone()))
    }

    pub(crate) async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Fixed(info) => Client::open(ConnectionInfo::clone(info)),
            Self::Sentinels(sentinels) => sentinels.lock().await.async_get_client().await,
        }
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Sentinels(_) => "Sentinels",
        })
    }
}
