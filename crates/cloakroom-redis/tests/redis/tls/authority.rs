//! Whoever signs certificates.

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
        let mut params = CertificateParams::new([]).expect("no names are no wrong names");
        params.distinguished_name = name("authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        Self(CertifiedIssuer::self_signed(params, key()).expect("a key signs"))
    }

    pub(crate) fn certificate(&self) -> String {
        self.0.pem()
    }

    /// What a server at this name or address shows.
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
    // Servers of a cluster are each other's clients.
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

/// A name that nobody else has: two authorities of one name would be taken for each other.
fn name(what: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, format!("{what} {:016x}", fastrand::u64(..)));
    name
}

fn key() -> KeyPair {
    KeyPair::generate().expect("the machine has random numbers")
}
