use std::error::Error;
use std::io;
use std::sync::Arc;

use cloakroom::ConfigError;
use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, RedisError};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{AlertDescription, CertificateError};

use crate::error::Problem;

/// Installs `ring` as rustls' provider if the application installed none. Without one, the first
/// TLS connection panics.
pub(crate) fn install_provider(infos: &[ConnectionInfo]) {
    let encrypted = infos.iter().any(|info| matches!(info.addr(), ConnectionAddr::TcpTls { .. }));
    if encrypted && CryptoProvider::get_default().is_none() {
        // Another thread may have installed a provider in the meantime, which is just as good.
        drop(ring::default_provider().install_default());
    }
}

/// The cause of a failed TLS handshake, if that is what `error` reports.
pub(crate) fn tls_problem(error: &RedisError) -> Option<Problem> {
    if error.kind() == ErrorKind::InvalidClientConfig {
        // The roots were parsed before, so this error can only concern the client certificate.
        return Some(ConfigError::new("tls_client_certificate", format!("cannot be used: {error}")).into());
    }
    let error = encryption_error(error)?;
    Some(Problem::Untrusted { detail: error.to_string(), remedy: remedy(error) })
}

/// The client library wraps the TLS error twice.
fn encryption_error(error: &RedisError) -> Option<&rustls::Error> {
    let wrapped: &Arc<dyn Error + Send + Sync> = error.source()?.downcast_ref()?;
    wrapped.downcast_ref::<io::Error>()?.get_ref()?.downcast_ref()
}

const fn remedy(error: &rustls::Error) -> &'static str {
    use CertificateError::{
        Expired, ExpiredContext, NotValidForName, NotValidForNameContext, NotValidYet, NotValidYetContext,
    };
    match error {
        rustls::Error::InvalidCertificate(
            Expired | ExpiredContext { .. } | NotValidYet | NotValidYetContext { .. },
        ) => "renew the server's certificate, or set this machine's clock",
        rustls::Error::InvalidCertificate(NotValidForName | NotValidForNameContext { .. }) => {
            "connect to the server by a name that is in its certificate"
        }
        rustls::Error::InvalidCertificate(_) => {
            "give the certificate of the authority that signed the server's with `tls_root_certificates`"
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure) => {
            "the server requires a certificate; give one with `tls_client_certificate`"
        }
        rustls::Error::AlertReceived(_) => "the server rejected the certificate of `tls_client_certificate`",
        _ => "see the server's log",
    }
}
