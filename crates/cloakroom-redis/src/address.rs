//! Where a server is, and how it may be talked to.

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo, ProtocolVersion};

use crate::error::Problem;

/// Reads an address.
pub(crate) fn info(address: &str) -> Result<ConnectionInfo, Problem> {
    // An address may contain a password: what is wrong is said, the address is not repeated.
    let info = address.into_connection_info().map_err(|error| Problem::Address(error.to_string()))?;
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
pub(crate) fn exposed(info: &ConnectionInfo) -> Option<String> {
    let ConnectionAddr::Tcp(host, _) = info.addr() else { return None };
    let loopback =
        host == "localhost" || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    (!loopback).then(|| host.clone())
}
