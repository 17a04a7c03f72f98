//! R42, R46: signatures that are missing, made by another key, or derived from other signatures.

use jsonwebtoken::Algorithm::{ES256, EdDSA, HS256};
use jsonwebtoken::EncodingKey;

use super::Expected::{Algorithm, Live, RevokedKey, Signature, UnknownKey};
use super::keys;
use super::mint::{decode, encode};
use super::{Mint, Row};

const OURS: &str = r#"{"alg":"EdDSA","kid":"active","typ":"shop-session+jwt"}"#;
const NEXT: &str = r#"{"alg":"ES256","kid":"next","typ":"shop-session+jwt"}"#;
const SHARED: &str = r#"{"alg":"HS256","kid":"shared","typ":"shop-session+jwt"}"#;
const GONE: &str = r#"{"alg":"EdDSA","kid":"gone","typ":"shop-session+jwt"}"#;

pub(super) const ROWS: &[Row] = &[
    ("by the next key", |m| low(m.by(NEXT, &keys::p256("next"), ES256)), Live),
    ("by the shared key", |m| m.by(SHARED, &keys::hmac("shared"), HS256), Live),
    ("by a stranger's key of the same kind", |m| m.by(OURS, &keys::ed25519("stranger"), EdDSA), Signature),
    ("by the key that was revoked", |m| m.by(GONE, &keys::ed25519("gone"), EdDSA), RevokedKey),
    ("by the revoked key under the name of the active one", |m| m.by(OURS, &keys::ed25519("gone"), EdDSA), Signature),
    ("by a stranger's key under an unknown name", by_a_stranger, UnknownKey),
    ("by another of our keys, under the active key's name", |m| m.by(OURS, &keys::p256("next"), ES256), Signature),
    ("by the shared key, under the next key's name", |m| m.by(NEXT, &keys::hmac("shared"), HS256), Signature),
    ("HMAC under the public key, in base64", |m| m.by(HMAC_OURS, &public_text(), HS256), Algorithm),
    ("HMAC under the public key, as bytes", |m| m.by(HMAC_OURS, &public_bytes(), HS256), Algorithm),
    ("HMAC under the public key, with an EdDSA header", |m| m.by(OURS, &public_bytes(), HS256), Signature),
    ("HMAC under nothing", |m| m.by(SHARED, &EncodingKey::from_secret(b""), HS256), Signature),
    ("HMAC under the secret in base64", hmac_of_text, Signature),
    ("HMAC under another secret", |m| m.by(SHARED, &keys::hmac("stranger"), HS256), Signature),
    ("half an HMAC", |m| altered(m.by(SHARED, &keys::hmac("shared"), HS256), |s| s[..16].to_vec()), Signature),
    ("an HMAC and a byte", |m| altered(m.by(SHARED, &keys::hmac("shared"), HS256), |s| [s, &[0]].concat()), Signature),
    ("ES256 with the other s", |m| high(m.by(NEXT, &keys::p256("next"), ES256)), Signature),
    ("ES256 with zeros", |m| altered(m.by(NEXT, &keys::p256("next"), ES256), |_| vec![0; 64]), Signature),
    (
        "ES256 with r and s exchanged",
        |m| altered(low(m.by(NEXT, &keys::p256("next"), ES256)), |s| [&s[32..], &s[..32]].concat()),
        Signature,
    ),
    (
        "ES256 in DER, as other formats encode it",
        |m| altered(low(m.by(NEXT, &keys::p256("next"), ES256)), der),
        Signature,
    ),
    ("Ed25519 with zeros", |m| altered(m.good(), |_| vec![0; 64]), Signature),
    ("Ed25519 with the order added to s", |m| altered(m.good(), plus_order), Signature),
    ("Ed25519 with the halves exchanged", |m| altered(m.good(), |s| [&s[32..], &s[..32]].concat()), Signature),
    ("Ed25519 with a bit flipped", |m| altered(m.good(), |s| flipped(s, 63)), Signature),
    ("Ed25519 with the highest bit flipped", |m| altered(m.good(), |s| flipped(s, 31)), Signature),
    ("the payload exchanged for that of another token", exchanged, Signature),
];

const HMAC_OURS: &str = r#"{"alg":"HS256","kid":"active","typ":"shop-session+jwt"}"#;

fn by_a_stranger(mint: &Mint) -> Vec<u8> {
    let header = r#"{"alg":"EdDSA","kid":"stranger","typ":"shop-session+jwt"}"#;
    mint.by(header, &keys::ed25519("stranger"), EdDSA)
}

fn public_text() -> EncodingKey {
    EncodingKey::from_secret(encode(&keys::ed25519_public("active")).as_bytes())
}

fn public_bytes() -> EncodingKey {
    EncodingKey::from_secret(&keys::ed25519_public("active"))
}

fn hmac_of_text(mint: &Mint) -> Vec<u8> {
    mint.by(SHARED, &EncodingKey::from_secret(encode(&keys::hmac_secret("shared")).as_bytes()), HS256)
}

fn altered(token: Vec<u8>, alter: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let token = String::from_utf8(token).expect("ASCII");
    let (message, signature) = token.rsplit_once('.').expect("three parts");
    format!("{message}.{}", encode(&alter(&decode(signature)))).into_bytes()
}

fn flipped(signature: &[u8], at: usize) -> Vec<u8> {
    let mut signature = signature.to_vec();
    signature[at] ^= 0x80;
    signature
}

fn exchanged(mint: &Mint) -> Vec<u8> {
    let [header, _, signature] = mint.parts();
    let other = Mint { now: mint.now - 1, ..mint.clone() };
    let [_, payload, _] = other.parts();
    format!("{header}.{payload}.{signature}").into_bytes()
}

/// Of the two valid signatures, the one with the lower `s`.
fn low(token: Vec<u8>) -> Vec<u8> {
    altered(token, |signature| with_s(signature, false))
}

/// Of the two valid signatures, the one with the higher `s`, which anybody can compute from the
/// lower.
fn high(token: Vec<u8>) -> Vec<u8> {
    altered(token, |signature| with_s(signature, true))
}

fn with_s(signature: &[u8], high: bool) -> Vec<u8> {
    let (r, s) = signature.split_at(32);
    let other = minus(&P256_ORDER, s);
    let is_high = s > other.as_slice();
    if is_high == high { signature.to_vec() } else { [r, &other].concat() }
}

/// Big-endian.
const P256_ORDER: [u8; 32] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xbc, 0xe6, 0xfa,
    0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
];

fn minus(from: &[u8; 32], s: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut difference = vec![0; 32];
    for place in (0..32).rev() {
        let value = i32::from(from[place]) - i32::from(s[place]) - borrow;
        borrow = i32::from(value < 0);
        difference[place] = u8::try_from(value.rem_euclid(256)).expect("a byte");
    }
    difference
}

/// Adds the group order to `s`, in little-endian: some libraries once treated the two as equal.
fn plus_order(signature: &[u8]) -> Vec<u8> {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, 0, 0, 0, 0, 0,
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut sum = signature.to_vec();
    let mut carry = 0;
    for (byte, order) in sum[32..].iter_mut().zip(ORDER) {
        let value = u16::from(*byte) + u16::from(order) + carry;
        carry = value >> 8;
        *byte = (value & 0xff) as u8;
    }
    sum
}

/// The signature in DER. Both numbers get a leading zero, which DER requires only if the first bit
/// is set: a decoder of DER may reject that, and so must this one.
fn der(signature: &[u8]) -> Vec<u8> {
    let number = |bytes: &[u8]| [&[2, 33, 0], bytes].concat();
    [&[0x30, 70][..], &number(&signature[..32]), &number(&signature[32..])].concat()
}
