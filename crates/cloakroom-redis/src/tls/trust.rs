use std::error::Error;
use std::io;
use std::sync::Arc;

use redis::{ConnectionAddr, ConnectionInfo, ErrorKind, RedisError};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{AlertDescription, CertificateError};

use crate::error::Problem;

/// Has encrypted connections find somebody who does the cryptography, where the application has chosen nobody:
/// without, the first of them would panic.
pub(crate) fn install_provider(infos: &[ConnectionInfo]) {
    let encrypted = infos.iter().any(|info| matches!(info.addr(), ConnectionAddr::TcpTls { .. }));
    if encrypted && CryptoProvider::get_default().is_none() {
        // If another thread was first in this very moment, that is as good.
        drop(ring::default_provider().install_default());
    }
}

/// Why the two sides of an encrypted line did not come together, if that is what went wrong.
pub(crate) fn tls_problem(error: &RedisError) -> Option<Problem> {
    if error.kind() == ErrorKind::InvalidClientConfig {
        // The roots were read before, so that it can only be about what the client is to show.
        return Some(Problem::Setting { field: "tls_client_certificate", remedy: error.to_string() });
    }
    let error = encryption_error(error)?;
    Some(Problem::Untrusted { detail: error.to_string(), remedy: remedy(error) })
}

/// The client library hands on what the encryption says, in two wrappings.
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
            "address the server by a name that stands in its certificate"
        }
        rustls::Error::InvalidCertificate(_) => {
            "give the certificate of the authority that signed the server's with `tls_root_certificates`"
        }
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired | AlertDescription::HandshakeFailure) => {
            "the server asks for a certificate; give one with `tls_client_certificate`"
        }
        rustls::Error::AlertReceived(_) => "the server does not accept the certificate of `tls_client_certificate`",
        _ => "see what the server's log says of it",
    }
}
