use redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use redis::{Client, ConnectionAddr, ConnectionInfo, RedisResult, TlsMode};
use tokio::sync::Mutex;

use crate::error::Problem;
use crate::tls::Certificates;

/// Where a link finds its server.
pub(crate) enum Origin {
    /// At a fixed address.
    Fixed(Box<ConnectionInfo>),
    /// Wherever the sentinels at these addresses say that the master is, each time anew.
    Sentinels(Vec<ConnectionAddr>, Box<Mutex<SentinelClient>>),
}

impl Origin {
    pub(crate) fn at(info: &ConnectionInfo) -> Self {
        Self::Fixed(Box::new(info.clone()))
    }

    /// The master that these sentinels call by this name.
    pub(crate) fn watched_by(
        sentinels: &[ConnectionInfo],
        master: &str,
        certificates: &Certificates,
    ) -> Result<Self, Problem> {
        let client = watched(sentinels, master, certificates).map_err(|error| Problem::Address(error.to_string()))?;
        let addresses = sentinels.iter().map(|info| info.addr().clone()).collect();
        Ok(Self::Sentinels(addresses, Box::new(Mutex::new(client))))
    }

    pub(crate) async fn client(&self) -> RedisResult<Client> {
        match self {
            Self::Fixed(info) => Client::open(ConnectionInfo::clone(info)),
            Self::Sentinels(_, sentinels) => sentinels.lock().await.async_get_client().await,
        }
    }

    /// The addresses that the application gave.
    pub(crate) fn given(&self) -> &[ConnectionAddr] {
        match self {
            Self::Fixed(info) => std::slice::from_ref(info.addr()),
            Self::Sentinels(addresses, _) => addresses,
        }
    }
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fixed(_) => "Fixed",
            Self::Sentinels(..) => "Sentinels",
        })
    }
}

fn watched(sentinels: &[ConnectionInfo], master: &str, certificates: &Certificates) -> RedisResult<SentinelClient> {
    #[cfg(feature = "tls")]
    if let (Some(given), Some(first)) = (certificates.given(), sentinels.first()) {
        return watched_with(given, first, sentinels, master);
    }
    let _ = certificates;
    let mut node = SentinelNodeConnectionInfo::default();
    if let Some(first) = sentinels.first() {
        node = node.set_redis_connection_info(first.redis_settings().clone());
        node = node.set_tcp_settings(first.tcp_settings().clone());
        if matches!(first.addr(), ConnectionAddr::TcpTls { .. }) {
            node = node.set_tls_mode(TlsMode::Secure);
        }
    }
    // Sentinels know no databases.
    let of_sentinel = |info: &ConnectionInfo| info.clone().set_redis_settings(info.redis_settings().clone().set_db(0));
    let sentinels = sentinels.iter().map(of_sentinel).collect();
    // With encryption it takes any text, without a `String`.
    let master = master.to_owned();
    SentinelClient::build(sentinels, master, Some(node), SentinelServerType::Master)
}

/// The client library takes certificates for the watched servers in this way only.
#[cfg(feature = "tls")]
fn watched_with(
    given: redis::TlsCertificates,
    first: &ConnectionInfo,
    sentinels: &[ConnectionInfo],
    master: &str,
) -> RedisResult<SentinelClient> {
    let (settings, tcp) = (first.redis_settings(), first.tcp_settings());
    let addresses = sentinels.iter().map(|info| info.addr().clone());
    let mut client = redis::sentinel::SentinelClientBuilder::new(addresses, master, SentinelServerType::Master)?
        .set_client_to_redis_tls_mode(TlsMode::Secure)
        .set_client_to_redis_certificates(given)
        .set_client_to_redis_protocol(settings.protocol())
        .set_client_to_redis_db(settings.db())
        .set_client_to_redis_tcp_settings(tcp.clone())
        .set_client_to_sentinel_tcp_settings(tcp.clone());
    if let Some(name) = settings.username() {
        client = client.set_client_to_redis_username(name).set_client_to_sentinel_username(name);
    }
    if let Some(password) = settings.password() {
        client = client.set_client_to_redis_password(password).set_client_to_sentinel_password(password);
    }
    client.build()
}
