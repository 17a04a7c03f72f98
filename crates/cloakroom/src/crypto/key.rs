use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::derive::{DerivedKey, Purpose};
use super::error::KeyError;
use super::strength;
use crate::random::{RandomError, RandomSource};

/// Names a key in what was made with it. Not secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(u8);

impl KeyId {
    /// The number.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl From<u8> for KeyId {
    fn from(number: u8) -> Self {
        Self(number)
    }
}

/// A secret of the application, under a number of its own.
///
/// At least 32 bytes from a generator (OWASP ASVS 11.2.3). [`Key::generate`] makes one, and so does
/// `head -c 32 /dev/urandom | base64`. Never reuse the number of a key that was in use: what was
/// made with the one would be tried with the other.
///
/// The secret is wiped from memory when the last clone of its [`KeyRing`](super::KeyRing) is gone, and
/// `Debug` shows the number alone.
#[derive(Clone)]
pub struct Key {
    id: KeyId,
    secret: Zeroizing<Vec<u8>>,
}

impl Key {
    /// A key from the bytes of its secret.
    ///
    /// # Errors
    /// If the secret is shorter than 32 bytes, longer than 1024, a text, visibly not random, or published somewhere.
    pub fn new(id: impl Into<KeyId>, secret: impl AsRef<[u8]>) -> Result<Self, KeyError> {
        let (id, secret) = (id.into(), secret.as_ref());
        match strength::check(secret) {
            Some(problem) => Err(KeyError::key(id, format!("{problem}; {REMEDY}"))),
            None => Ok(Self { id, secret: Zeroizing::new(secret.to_vec()) }),
        }
    }

    /// A new key.
    ///
    /// # Errors
    /// If `random` gives nothing.
    pub fn generate(id: impl Into<KeyId>, random: &dyn RandomSource) -> Result<Self, RandomError> {
        let mut secret = Zeroizing::new(vec![0; strength::MIN_BYTES]);
        random.fill(&mut secret)?;
        Ok(Self { id: id.into(), secret })
    }

    /// Its number.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    /// The key as an entry of a ring's text, `number:base64`, with its secret: for the one who keeps it.
    #[must_use]
    pub fn to_entry(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(STANDARD.encode(&*self.secret));
        Zeroizing::new(format!("{}:{}", self.id, *secret))
    }

    /// The key for one use. `context` tells apart what must not be exchanged within that use.
    pub(crate) fn derive(&self, purpose: Purpose, context: &[u8]) -> DerivedKey {
        DerivedKey::new(&self.secret, purpose, context)
    }

    pub(super) fn has_same_secret(&self, other: &Self) -> bool {
        self.secret.ct_eq(&other.secret).into()
    }
}

/// What to do instead.
pub(super) const REMEDY: &str = "make one with `head -c 32 /dev/urandom | base64`";

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}
