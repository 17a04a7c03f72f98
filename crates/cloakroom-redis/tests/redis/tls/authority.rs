//! A certificate authority for tests.

use cloakroom_testbed::Tls;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, date_time_ymd,
};

pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate and its private key, as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).expect("an empty list of names is valid");
        params.distinguished_name = name("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Self(CertifiedIssuer::self_signed(params, key()).expect("a key signs"))
    }

    pub(crate) fn certificate(&self) -> String {
        self.0.pem()
    }

    /// The TLS settings of a server with this name or address.
    pub(crate) fn server(&self, host: &str) -> Tls {
        self.tls(&server(host))
    }

    pub(crate) fn expired_server(&self, host: &str) -> Tls {
        let mut params = server(host);
        params.not_after = date_time_ymd(2020, 1, 1);
        self.tls(&params)
    }

    pub(crate) fn client(&self) -> Identity {
        let mut params = CertificateParams::new(["client".to_owned()]).expect("a name");
        params.distinguished_name = name("client");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(&params)
    }

    fn tls(&self, params: &CertificateParams) -> Tls {
        let Identity { certificate, key } = self.sign(params);
        Tls { certificate, key, authority: self.certificate(), of_clients: false }
    }

    fn sign(&self, params: &CertificateParams) -> Identity {
        let key = key();
        let certificate = params.signed_by(&key, &self.0).expect("a key signs").pem();
        Identity { certificate, key: key.serialize_pem() }
    }
}

fn server(host: &str) -> CertificateParams {
    let mut params = CertificateParams::new([host.to_owned()]).expect("a host");
    params.distinguished_name = name("server");
    // The servers of a cluster are also each other's clients.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A unique name, because two authorities with one name would be confused.
fn name(what: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, format!("{what} {:016x}", fastrand::u64(..)));
    name
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the random source works")
}
