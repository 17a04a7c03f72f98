//! Who a session is, and how a client proves that it is theirs.

mod handle;
mod principal;
mod secret;
mod tag;

pub use handle::{InvalidHandle, SessionHandle};
pub use principal::{Authentication, Principal, PrincipalMismatch};
pub use secret::{Previous, PreviousState, Verifier};
pub use tag::Tag;

pub(crate) use secret::{Counterfoil, Secret, Verifiers};

use sha2::{Digest, Sha256};

use crate::random::{RandomError, RandomSource};

/// What a client carries, as parts; its text form belongs to the transport.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) tag: Tag,
    pub(crate) secret: Secret,
    pub(crate) hint: Option<Hint>,
}

/// The newest version its client has seen, so that no node answers it from an older copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hint {
    pub(crate) version: u64,
    pub(crate) nonce: u16,
}

fn random_bytes(random: &dyn RandomSource) -> Result<[u8; 16], RandomError> {
    let mut bytes = [0; 16];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

/// Both parts have a fixed length per label, so that no two uses share an input.
fn labelled_digest(label: &[u8; 19], bytes: &[u8; 16]) -> [u8; 16] {
    head(Sha256::new().chain_update(label).chain_update(bytes))
}

fn head(digest: Sha256) -> [u8; 16] {
    let digest: [u8; 32] = digest.finalize().into();
    std::array::from_fn(|index| digest[index])
}

#[cfg(all(test, feature = "testkit"))]
mod timing;
