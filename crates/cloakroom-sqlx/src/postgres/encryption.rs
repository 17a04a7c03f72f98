//! Errors of encrypted connections, for the start.

use std::io::ErrorKind;

use cloakroom::ConfigError;

use crate::connect_error::ConnectError;

const NAMES_A_MISSING_FILE: &str = "names a file in `sslrootcert`, `sslcert` or `sslkey` that does not exist";
const WITHOUT_THE_FEATURE: &str = "asks for an encrypted connection, which this program was built without; enable the \
                                   feature `tls` of cloakroom-sqlx";
const WITHOUT_ENCRYPTION: &str = "set `ssl = on` with a certificate in its `postgresql.conf`; or, on a network that \
                                  nobody else can read, call `allow_plaintext` and leave `sslmode` out of the address";

/// The error of the start if the connection could not be encrypted. `server` is the host and the
/// port, or the path of a socket.
pub(super) fn open_error(error: &sqlx::Error, server: &str) -> Option<ConnectError> {
    match error {
        sqlx::Error::Io(error) => {
            // No host is missing like a file.
            if error.kind() == ErrorKind::NotFound && !server.starts_with('/') {
                return Some(ConfigError::new("url", NAMES_A_MISSING_FILE).into());
            }
            let remedy = handshake_remedy(error)?;
            Some(ConnectError::Encryption { server: server.to_owned(), detail: error.to_string(), remedy })
        }
        // The driver has no other sign of these than their texts.
        sqlx::Error::Tls(error) => match error.to_string() {
            text if text.contains("without TLS support") => Some(ConfigError::new("url", WITHOUT_THE_FEATURE).into()),
            text if text.contains("server does not support TLS") => {
                let detail = "it does not encrypt connections".to_owned();
                Some(ConnectError::Encryption { server: server.to_owned(), detail, remedy: WITHOUT_ENCRYPTION })
            }
            _ => None,
        },
        _ => None,
    }
}

#[cfg(feature = "tls")]
fn handshake_remedy(error: &std::io::Error) -> Option<&'static str> {
    use rustls::AlertDescription::{CertificateRequired, HandshakeFailure};
    use rustls::CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
    };

    Some(match error.get_ref()?.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => "renew the server's certificate, or set this machine's clock",
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "connect to the server by a name that is in its certificate"
        }
        rustls::Error::InvalidCertificate(_) => {
            "name the certificate of the authority that signed the server's with `sslrootcert` in the address"
        }
        rustls::Error::AlertReceived(CertificateRequired | HandshakeFailure) => {
            "the server requires a certificate; name one with `sslcert` and `sslkey` in the address"
        }
        _ => "see the server's log",
    })
}

#[cfg(not(feature = "tls"))]
fn handshake_remedy(_error: &std::io::Error) -> Option<&'static str> {
    None
}
