use std::net::IpAddr;

use redis::ConnectionAddr;

use crate::builder::RedisStoreBuilder;
use crate::error::ConnectError;

/// Parses an address and checks it up to the point of connecting.
///
/// The input is the text of an address.
///
/// # Panics
/// If an accepted address would send anything to another machine without encryption, or if an error
/// shows the password.
pub fn address(input: &[u8]) {
    let Ok(address) = std::str::from_utf8(input) else { return };
    let checked = RedisStoreBuilder::from_address(address).map_err(ConnectError::from).and_then(|builder| {
        assert_hidden(address, &format!("{builder:?}"));
        builder.checked()
    });
    match checked {
        Ok((keyspace, infos)) => {
            assert!(
                keyspace.namespace().bytes().all(|byte| b"abcdefghijklmnopqrstuvwxyz0123456789_.-".contains(&byte))
            );
            infos.iter().for_each(|info| assert!(is_protected(info.addr()), "{:?}", info.addr()));
        }
        Err(error) => {
            let fields = ["`namespace` ", "`address` ", "`deadline` ", "`lease` "];
            for problem in error.problems() {
                let text = problem.to_string();
                assert!(fields.iter().any(|field| text.starts_with(field) && text.len() > field.len()), "{text}");
            }
            let text = format!("{error} {error:?}");
            assert!(!text.contains(char::is_control), "{text:?}");
            assert_hidden(address, &text);
        }
    }
}

fn is_protected(address: &ConnectionAddr) -> bool {
    match address {
        ConnectionAddr::Tcp(host, _) => {
            host == "localhost"
                || host == "::1"
                || host == "[::1]"
                || host.parse().is_ok_and(|ip| matches!(ip, IpAddr::V4(ip) if ip.octets()[0] == 127))
        }
        ConnectionAddr::TcpTls { insecure, .. } => !insecure,
        _ => true,
    }
}

/// Checks that `text` does not show the password, if the password is distinctive enough not to
/// appear by chance.
fn assert_hidden(address: &str, text: &str) {
    let Ok(url) = url::Url::parse(address) else { return };
    let password = url.password().unwrap_or_default();
    let has_a_digit = password.bytes().any(|byte| byte.is_ascii_digit());
    let telling = password.len() >= 8 && has_a_digit && password.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if telling && address.matches(password).count() == 1 {
        assert!(!text.contains(password), "{text}");
    }
}
