use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::derive::{DerivedKey, Purpose};
use super::strength;
use crate::config_error::ConfigError;
use crate::random::{RandomError, RandomSource};

/// A secret of the application, under a number of its own.
///
/// It has at least 32 bytes from a generator (OWASP ASVS 11.2.3). [`Key::generate`] makes one, and
/// so does `head -c 32 /dev/urandom | base64`. Never reuse the number of a key that was in use:
/// data made with one key would be verified with the other.
///
/// The secret is wiped from memory when the last clone of its [`KeyRing`](super::KeyRing) is
/// dropped, and `Debug` shows only the number.
#[derive(Clone)]
pub struct Key {
    id: u8,
    secret: Zeroizing<Vec<u8>>,
}

impl Key {
    /// A key from the bytes of its secret.
    ///
    /// # Errors
    /// If the secret is shorter than 32 bytes, longer than 1024 bytes, printable text, visibly not
    /// random, or published.
    pub fn new(id: u8, secret: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        let secret = secret.as_ref();
        match strength::check(secret) {
            Some(weakness) => Err(invalid_key(id, format_args!("{weakness}; {REMEDY}"))),
            None => Ok(Self { id, secret: Zeroizing::new(secret.to_vec()) }),
        }
    }

    /// Generates a key.
    ///
    /// # Errors
    /// If `random` fails.
    pub fn generate(id: u8, random: &dyn RandomSource) -> Result<Self, RandomError> {
        let mut secret = Zeroizing::new(vec![0; strength::MIN_BYTES]);
        random.fill(&mut secret)?;
        Ok(Self { id, secret })
    }

    /// Returns why a secret is too weak for a key, or `None` if it is not.
    ///
    /// For keys of other kinds, such as those of a [codec](crate::codec). The reason continues a
    /// sentence that names the key: "is shorter than 32 bytes".
    #[must_use]
    pub fn weakness(secret: &[u8]) -> Option<&'static str> {
        strength::check(secret)
    }

    /// The number of the key.
    #[must_use]
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// The key as an entry of a ring's text, `number:base64`. It contains the secret: for the key's
    /// owner only.
    #[must_use]
    pub fn to_entry(&self) -> Zeroizing<String> {
        let secret = Zeroizing::new(STANDARD.encode(&*self.secret));
        Zeroizing::new(format!("{}:{}", self.id, *secret))
    }

    /// Derives the key for one purpose. Within a purpose, `context` separates data that must not be
    /// interchangeable.
    pub(crate) fn derive(&self, purpose: Purpose, context: &[u8]) -> DerivedKey {
        DerivedKey::new(&self.secret, purpose, context)
    }

    pub(super) fn has_same_secret(&self, other: &Self) -> bool {
        self.secret.ct_eq(&other.secret).into()
    }
}

/// The error for a key that must not be used. Names it by its number.
pub(super) fn invalid_key(id: u8, problem: fmt::Arguments<'_>) -> ConfigError {
    ConfigError::new("key", format!("{id} {problem}"))
}

/// The remedy for a refused key.
pub(super) const REMEDY: &str = "make one with `head -c 32 /dev/urandom | base64`";

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}
