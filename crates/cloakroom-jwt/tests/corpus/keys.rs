//! Keys for tests, derived from their names, so that the repository contains no private key.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::EncodingKey;
use sha2::{Digest, Sha256};

/// PKCS #8 (RFC 5208) around 32 bytes.
const ED25519: &[u8] = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20";
const P256: &[u8] = b"\x30\x41\x02\x01\x00\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\
    \x01\x07\x04\x27\x30\x25\x02\x01\x01\x04\x20";

pub(crate) fn ed25519_pem(name: &str) -> String {
    pem(&[ED25519, &seed(name)].concat())
}

pub(crate) fn p256_pem(name: &str) -> String {
    pem(&[P256, &seed(name)].concat())
}

pub(crate) fn hmac_secret(name: &str) -> [u8; 32] {
    seed(name)
}

pub(super) fn ed25519(name: &str) -> EncodingKey {
    EncodingKey::from_ed_der(&[ED25519, &seed(name)].concat())
}

pub(super) fn p256(name: &str) -> EncodingKey {
    EncodingKey::from_ec_der(&[P256, &seed(name)].concat())
}

pub(super) fn hmac(name: &str) -> EncodingKey {
    EncodingKey::from_secret(&seed(name))
}

pub(super) fn ed25519_public(name: &str) -> [u8; 32] {
    ed25519_dalek::SigningKey::from_bytes(&seed(name)).verifying_key().to_bytes()
}

fn seed(name: &str) -> [u8; 32] {
    let seed = Sha256::digest(format!("a key for tests: {name}"));
    cloakroom_secret_scan::record("signing key", seed);
    seed.into()
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let (first, rest) = text.split_at(64);
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", [first, rest].join("\n").trim_end())
}
