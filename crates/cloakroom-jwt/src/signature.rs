//! Signatures, made and verified by `jsonwebtoken`.
//!
//! Its cryptography provider is named explicitly. The default of the process depends on features
//! that other crates of the program enable, and if they enable two, the first token causes a panic.

use jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER;
use jsonwebtoken::{Algorithm as Named, DecodingKey, EncodingKey};

use super::JwtError;
use super::compact::Compact;
use super::header::Header;

/// The algorithm of a key. A key keeps one for its whole life (RFC 8725 §3.1), and `none` is not
/// among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Ed25519,
    Es256,
    Es384,
    Rs256,
    Ps256,
    Hs256,
}

impl Algorithm {
    /// The name in headers, case-sensitive.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Ed25519 => "EdDSA",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Rs256 => "RS256",
            Self::Ps256 => "PS256",
            Self::Hs256 => "HS256",
        }
    }

    const fn named(self) -> Named {
        match self {
            Self::Ed25519 => Named::EdDSA,
            Self::Es256 => Named::ES256,
            Self::Es384 => Named::ES384,
            Self::Rs256 => Named::RS256,
            Self::Ps256 => Named::PS256,
            Self::Hs256 => Named::HS256,
        }
    }
}

/// A key that verifies, with its algorithm.
#[derive(Clone, Debug)]
pub(super) struct VerifyingKey {
    pub(super) algorithm: Algorithm,
    key: DecodingKey,
}

impl VerifyingKey {
    /// `None` if the key is not one for the algorithm.
    pub(super) fn new(algorithm: Algorithm, key: DecodingKey) -> Option<Self> {
        (DEFAULT_PROVIDER.verifier_factory)(&algorithm.named(), &key).ok()?;
        Some(Self { algorithm, key })
    }

    /// Verifies that the token is signed with this key (RFC 8725 §3.1: with its algorithm, whatever
    /// the token names).
    pub(super) fn verify(&self, header: &Header, compact: &Compact<'_>) -> Result<(), JwtError> {
        if header.algorithm != self.algorithm.name() {
            return Err(JwtError::Algorithm);
        }
        let verifier = (DEFAULT_PROVIDER.verifier_factory)(&self.algorithm.named(), &self.key);
        let verified = verifier.is_ok_and(|verifier| verifier.verify(compact.message, &compact.signature).is_ok());
        if verified { Ok(()) } else { Err(JwtError::Signature) }
    }
}

/// A key that signs, with its algorithm.
#[derive(Clone)]
pub(super) struct SigningKey {
    algorithm: Algorithm,
    key: EncodingKey,
}

impl SigningKey {
    /// `None` if the key is not one for the algorithm.
    pub(super) fn new(algorithm: Algorithm, key: EncodingKey) -> Option<Self> {
        (DEFAULT_PROVIDER.signer_factory)(&algorithm.named(), &key).ok()?;
        Some(Self { algorithm, key })
    }

    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let signer = (DEFAULT_PROVIDER.signer_factory)(&self.algorithm.named(), &self.key).ok()?;
        let mut signature = signer.try_sign(message).ok()?;
        if self.algorithm == Algorithm::Es256 {
            low_s::normalise(&mut signature);
        }
        Some(signature)
    }
}

/// The one spelling of ES256 signatures.
///
/// For every ES256 signature `(r, s)` there is a second one, `(r, n - s)`, which anyone can compute
/// from the first and which is equally valid. Own signatures always have the lower `s`, and only
/// those are accepted for own keys, so that a token has one spelling.
pub(super) mod low_s {
    /// The order of P-256 (SEC 2 §2.4.2), big-endian.
    const ORDER: [u8; 32] = [
        0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, //
        0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
    ];

    pub(crate) fn is_low(signature: &[u8]) -> bool {
        let Some((_, s)) = signature.split_first_chunk::<32>() else { return false };
        <[u8; 32]>::try_from(s).is_ok_and(|s| s <= minus(&s))
    }

    pub(super) fn normalise(signature: &mut [u8]) {
        if is_low(signature) {
            return;
        }
        if let Some(s) = signature.last_chunk_mut::<32>() {
            *s = minus(s);
        }
    }

    /// `n - s`.
    fn minus(s: &[u8; 32]) -> [u8; 32] {
        let mut difference = [0; 32];
        let mut borrow = 0;
        for place in (0..32).rev() {
            let place_value = i16::from(ORDER[place]) - i16::from(s[place]) - borrow;
            borrow = i16::from(place_value < 0);
            difference[place] = place_value.rem_euclid(256) as u8;
        }
        difference
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_lower_of_the_two_is_kept_and_the_higher_one_replaced_by_it() {
            let mut one = [0; 64];
            one[63] = 1;
            let mut high = [0; 64];
            high[32..].copy_from_slice(&minus(&one[32..].try_into().unwrap()));
            assert!(is_low(&one) && !is_low(&high));
            normalise(&mut high);
            assert_eq!(high, one);
            normalise(&mut one);
            assert_eq!(high, one);
        }

        #[test]
        fn what_is_no_signature_is_not_low() {
            assert!(!is_low(&[]) && !is_low(&[0; 63]) && !is_low(&[0; 65]));
        }
    }
}
