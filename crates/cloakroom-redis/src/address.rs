//! Server addresses, and the rules for connecting to them.

use std::borrow::Cow;

use cloakroom::ConfigError;
use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo, ProtocolVersion, RedisError, RedisResult};

use crate::error::Problem;

/// Parses an address and applies the settings that every connection needs.
pub(crate) fn info(address: &str) -> Result<ConnectionInfo, Problem> {
    // An address may contain a password, so the error describes the problem without repeating the
    // address.
    let unreadable = |error| invalid(format!("cannot be parsed ({error}); write it like `redis://localhost:6379/`"));
    let info = address.into_connection_info().map_err(unreadable)?;
    if matches!(info.addr(), ConnectionAddr::TcpTls { insecure: true, .. }) {
        return Err(invalid(INSECURE));
    }
    if !info.addr().is_supported() {
        return Err(invalid("asks for encryption, which needs the feature `tls` of cloakroom-redis"));
    }
    let settings = info.redis_settings().clone();
    // The server sends invalidations in RESP3 only. The server does not need the library's name,
    // and setting it requires a right.
    let settings = settings.set_protocol(ProtocolVersion::RESP3).set_skip_set_lib_name();
    // Many requests share a connection, so Nagle's algorithm would delay a command until the one
    // before it is acknowledged.
    let tcp = TcpSettings::default().set_nodelay(true);
    Ok(info.set_redis_settings(settings).set_tcp_settings(tcp))
}

const INSECURE: &str = "ends in `#insecure`, which would let anyone impersonate the server; remove it, and give the \
                        certificate of the authority that signed the server's certificate with `tls_root_certificates`";

/// The error for an address that cannot be used.
pub(crate) fn invalid(problem: impl Into<Cow<'static, str>>) -> Problem {
    ConfigError::new("address", problem).into()
}

/// The host that would be contacted without encryption, unless it is this machine.
pub(crate) fn plaintext_host(info: &ConnectionInfo) -> Option<String> {
    let ConnectionAddr::Tcp(host, _) = info.addr() else { return None };
    let loopback =
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    (!loopback).then(|| host.clone())
}

/// Error text for a server that was named by another server and must not be contacted without
/// encryption.
pub(crate) const PLAINTEXT_REFUSED: &str = "the server has no loopback address and the connection would not be encrypted; use `rediss://` \
                                  with the feature `tls`, or `allow_plaintext()` if the network itself is trusted";

/// Returns an error that names the host if it must not be contacted without encryption. Sentinels,
/// the slot map of a cluster and redirections name servers that the application has not configured.
pub(crate) fn refuse_plaintext(info: &ConnectionInfo, plaintext: bool) -> RedisResult<()> {
    match plaintext_host(info).filter(|_| !plaintext) {
        None => Ok(()),
        Some(host) => Err(RedisError::from((ErrorKind::InvalidClientConfig, PLAINTEXT_REFUSED, host))),
    }
}

/// The host that `refuse_plaintext` refused, if `error` comes from there.
pub(crate) fn refused(error: &RedisError) -> Option<String> {
    let is_ours = error.kind() == ErrorKind::InvalidClientConfig && error.to_string().contains(PLAINTEXT_REFUSED);
    is_ours.then(|| error.detail().unwrap_or_default().to_owned())
}

/// The same connection settings with another host and port.
pub(crate) fn at(like: &ConnectionInfo, host: String, port: u16) -> ConnectionInfo {
    let address = match like.addr() {
        ConnectionAddr::TcpTls { insecure, tls_params, .. } => {
            ConnectionAddr::TcpTls { host, port, insecure: *insecure, tls_params: tls_params.clone() }
        }
        _ => ConnectionAddr::Tcp(host, port),
    };
    like.clone().set_addr(address)
}

/// The query parameters of an address.
#[derive(Default)]
pub(crate) struct AddressOptions {
    pub(crate) namespace: Option<String>,
    pub(crate) master: Option<String>,
    /// Parameters that the client library reads.
    pub(crate) others: Vec<(String, String)>,
}

impl AddressOptions {
    /// Rejects unknown parameters: one is more likely misspelt than intended.
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
                // The parameter is not repeated: it may be a password that was put here by mistake.
                _ => {
                    return Err(invalid("has an unknown query parameter; use only `namespace` and `master`"));
                }
            };
            if place.replace(value.into_owned()).is_some() {
                return Err(invalid(format!("has `{name}=` twice; give it once")));
            }
        }
        Ok(said)
    }
}
