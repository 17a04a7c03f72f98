//! Authenticated encryption of data that leaves the process.
//!
//! Only a key of the ring opens an envelope, and only with the associated data for which it was
//! sealed.
//!
//! Format, key id and [`AssociatedData`] are authenticated together with the bytes. A nonce of 192
//! random bits does not repeat, so a key does not wear out, however many writes it seals.

#[cfg(test)]
mod tests;

use std::fmt;

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};

use crate::crypto::associated_data::AssociatedData;
use crate::crypto::derive::Purpose;
use crate::crypto::envelope::{HEAD, MAC, NONCE, OVERHEAD, OpenError};
use crate::crypto::key_ring::KeyRing;
use crate::random::{RandomError, RandomSource};

const FORM: u8 = 1;

/// The reason why data could not be sealed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SealError {
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The data exceeds the cipher's limit under one nonce: 256 GiB.
    #[error("it is too long to encrypt")]
    TooLong,
}

/// The keys that seal and open, the active one first.
pub(crate) struct Cipher(Box<[(u8, XChaCha20Poly1305)]>);

impl Cipher {
    /// Derives the keys of a ring for one context. Data that was sealed in another context does not
    /// open.
    pub(crate) fn new(ring: &KeyRing, context: &[u8]) -> Self {
        let cipher = |key: &crate::crypto::key::Key| {
            let derived = key.derive(Purpose::Seal, context);
            (key.id(), XChaCha20Poly1305::new(derived.as_bytes().into()))
        };
        Self([ring.active_key()].into_iter().chain(ring.previous_keys()).map(cipher).collect())
    }

    /// Seals bytes for one place, under the active key.
    pub(crate) fn seal(
        &self,
        random: &dyn RandomSource,
        aad: &AssociatedData,
        plain: &[u8],
    ) -> Result<Vec<u8>, SealError> {
        let (id, cipher) = &self.0[0];
        let head = [FORM, *id];
        let mut nonce = [0; NONCE];
        random.fill(&mut nonce)?;
        let mut envelope = Vec::with_capacity(plain.len() + OVERHEAD);
        envelope.extend_from_slice(&head);
        envelope.extend_from_slice(&nonce);
        envelope.extend_from_slice(plain);
        let body = &mut envelope[HEAD + NONCE..];
        let mac = cipher
            .encrypt_inout_detached(&nonce.into(), &aad.with_header(head), body.into())
            .map_err(|_| SealError::TooLong)?;
        envelope.extend_from_slice(&mac);
        Ok(envelope)
    }

    /// Opens an envelope, if it was sealed for this place.
    pub(crate) fn open(&self, aad: &AssociatedData, envelope: &[u8]) -> Result<Vec<u8>, OpenError> {
        let (head, rest) = envelope.split_first_chunk::<HEAD>().ok_or(OpenError::Broken)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(OpenError::Broken)?;
        let (body, mac) = rest.split_last_chunk::<MAC>().ok_or(OpenError::Broken)?;
        let [FORM, id] = *head else { return Err(OpenError::Broken) };
        let found = self.0.iter().find(|(known, _)| *known == id);
        let (_, cipher) = found.ok_or(OpenError::UnknownKey)?;
        let mut plain = body.to_vec();
        cipher
            .decrypt_inout_detached(nonce.into(), &aad.with_header(*head), plain.as_mut_slice().into(), mac.into())
            .map_err(|_| OpenError::Broken)?;
        Ok(plain)
    }
}

/// Prints only the numbers of the keys.
impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cipher").field(&self.0.iter().map(|(id, _)| *id).collect::<Vec<_>>()).finish()
    }
}
