//! Where a server is, and how it may be talked to.

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, ProtocolVersion, RedisError, RedisResult};

use crate::error::Problem;

/// Reads an address.
pub(crate) fn info(address: &str) -> Result<ConnectionInfo, Problem> {
    // An address may contain a password: what is wrong is said, the address is not repeated.
    let unreadable = |error| Problem::Address(format!("{error}; write it like `redis://localhost:6379/`"));
    let info = address.into_connection_info().map_err(unreadable)?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        return Err(Problem::Insecure);
    }
    if !info.addr().is_supported() {
        return Err(Problem::Address("an encrypted connection needs the feature `tls` of cloakroom-redis".into()));
    }
    let settings = info.redis_settings().clone();
    // The server's news come in RESP3 only. The library's name is nothing that a server needs to know, and to say it a right.
    let settings = settings.set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    // Commands of many requests share a connection: none must wait until the one before it is acknowledged.
    let tcp = TcpSettings::default().set_nodelay(true);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

/// The host that would be talked to in the clear, if it is not this machine.
pub(crate) fn plaintext_host(info: &ConnectionInfo) -> Option<String> {
    let ConnectionAddr::Tcp(host, _) = info.addr() else { return None };
    let loopback =
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    (!loopback).then(|| host.clone())
}

/// Why a server that somebody else named is not talked to.
pub(crate) const PLAINTEXT_REFUSED: &str = "the server is not this machine and the connection would not be encrypted; use `rediss://` \
                                  with the feature `tls`, or `allow_plaintext()` if the network itself is trusted";

/// An error that names the host if it may not be talked to in the clear. Sentinels, the map of a cluster and redirections
/// name servers that nobody has looked at.
pub(crate) fn refuse_plaintext(info: &ConnectionInfo, plaintext: bool) -> RedisResult<()> {
    match plaintext_host(info).filter(|_| !plaintext) {
        None => Ok(()),
        Some(host) => Err(RedisError::from((ErrorKind::InvalidClientConfig, PLAINTEXT_REFUSED, host))),
    }
}

/// The host that was refused.
pub(crate) fn refused(error: &RedisError) -> Option<String> {
    let is_ours = error.kind() == ErrorKind::InvalidClientConfig && error.to_string().contains(PLAINTEXT_REFUSED);
    is_ours.then(|| error.detail().unwrap_or_default().to_owned())
}

/// Another server, to be talked to in the same way.
pub(crate) fn at(like: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let address = match like.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    like.clone().set_addr(address)
}

/// What the query of an address says.
#[derive(Default)]
pub(crate) struct AddressOptions {
    pub(crate) namespace: Option<String>,
    pub(crate) master: Option<String>,
    /// What the client library reads.
    pub(crate) others: Vec<(String, String)>,
}

impl AddressOptions {
    /// What nobody reads is more likely misspelt than meant.
    pub(crate) fn in_the_query_of(url: &url::Url) -> Result<Self, Problem> {
        let mut said = Self::default();
        let is_socket = url.scheme().ends_with("unix");
        for (name, value) in url.query_pairs() {
            let place = match &*name {
                "namespace" => &mut said.namespace,
                "master" => &mut said.master,
                "db" | "user" | "pass" if is_socket => {
                    said.others.push((name.into_owned(), value.into_owned()));
                    continue;
                }
                // What it says is not repeated: a password may have come here by mistake.
                _ => {
                    let problem = "says something that means nothing; `?namespace=` and `&master=` are all that it may";
                    return Err(Problem::Address(problem.into()));
                }
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(Problem::Address(format!("says `{name}=` twice; say it once")));
            }
        }
        Ok(said)
    }
}
