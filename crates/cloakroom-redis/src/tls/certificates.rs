use cloakroom::ConfigError;
use redis::{Client, ClientTlsConfig, ConnectionAddr, ConnectionInfo, TlsCertificates};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::Problem;

/// The certificates that encrypted connections trust, and the one that they present.
#[derive(Clone, Default)]
pub(crate) struct Certificates {
    pub(crate) roots: Option<Vec<u8>>,
    /// A certificate and its private key.
    pub(crate) client: Option<(Vec<u8>, Vec<u8>)>,
}

impl Certificates {
    /// `None` to use the library's defaults.
    pub(crate) fn given(&self) -> Option<TlsCertificates> {
        (self.roots.is_some() || self.client.is_some()).then(|| TlsCertificates {
            root_cert: self.roots.clone(),
            client_tls: self
                .client
                .clone()
                .map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key }),
        })
    }

    /// Makes connections to this address use these certificates.
    pub(crate) fn attach(&self, info: ConnectionInfo) -> Result<ConnectionInfo, Problem> {
        let Some(given) = self.given() else { return Ok(info) };
        let setting = if self.roots.is_some() { "tls_root_certificates" } else { "tls_client_certificate" };
        let wrong = |setting, problem: &str| Problem::Setting(ConfigError::new(setting, problem.to_owned()));
        if !matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err(wrong(
                setting,
                "has no effect, because the address is not `rediss://`: nothing is encrypted and no certificate is checked",
            ));
        }
        if self.roots.as_ref().is_some_and(|pem| !has_certificates(pem)) {
            return Err(wrong("tls_root_certificates", "contains no readable certificate; give PEM"));
        }
        if let Some((certificate, key)) = &self.client {
            if !has_certificates(certificate) {
                return Err(wrong("tls_client_certificate", "contains no readable certificate; give PEM"));
            }
            if PrivateKeyDer::from_pem_slice(key).is_err() {
                return Err(wrong(
                    "tls_client_certificate",
                    "has a key that cannot be read; give a private key as PEM",
                ));
            }
        }
        let client =
            Client::build_with_tls(info, given).map_err(|error| wrong(setting, &format!("cannot be used: {error}")))?;
        Ok(client.get_connection_info().clone())
    }
}

fn has_certificates(pem: &[u8]) -> bool {
    let mut certificates = CertificateDer::pem_slice_iter(pem).peekable();
    certificates.peek().is_some() && certificates.all(|certificate| certificate.is_ok())
}
