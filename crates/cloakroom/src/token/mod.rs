//! Session tokens and their parts, and principals.

mod fingerprint;
mod guard;
mod principal;
mod public_id;
mod secret;
mod selector;
mod text;

pub use guard::Guard;
pub use principal::{Authentication, Principal, PrincipalMismatch};
pub use public_id::{InvalidPublicId, PublicId};
pub use secret::{PreviousSecret, PreviousSecretState, Verifier};
pub use selector::Selector;

pub(crate) use fingerprint::{Fingerprint, FingerprintKey};
pub(crate) use secret::{CsrfSecret, Secret, VerifierHasher};
pub(crate) use text::{EncodedToken, MAX_PLAIN_LEN, MAX_TOKEN_LEN};
#[cfg(feature = "keys")]
pub(crate) use text::{SignedToken, is_signed};

use sha2::{Digest, Sha256};

use crate::random::{RandomError, RandomSource};

/// The parts of a token. Its text belongs to the transport.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) selector: Selector,
    pub(crate) secret: Secret,
    pub(crate) hint: Option<VersionHint>,
}

/// The newest version that the client has seen, so that no node serves it an older copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct VersionHint {
    pub(crate) version: u64,
    pub(crate) nonce: u16,
}

/// Returns the selector and the secret of a new session, from one call of the random source, which
/// is a system call.
pub(crate) fn random_identity(random: &dyn RandomSource) -> Result<(Selector, Secret), RandomError> {
    let mut bytes = [[0; 16]; 2];
    random.fill(bytes.as_flattened_mut())?;
    let [selector, secret] = bytes;
    Ok((Selector::from_bytes(selector), Secret::from_bytes(secret)))
}

/// A digest whose two inputs have fixed lengths, so that no two labels share an input.
fn labelled_digest(label: &[u8; 19], bytes: &[u8; 16]) -> [u8; 16] {
    head(Sha256::new().chain_update(label).chain_update(bytes))
}

fn head(digest: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = digest.finalize().into();
    std::array::from_fn(|index| digest[index])
}

#[cfg(test)]
mod timing;
