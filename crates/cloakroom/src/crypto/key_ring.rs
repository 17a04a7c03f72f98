use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

use super::derive::Purpose;
use super::key::{Key, REMEDY, invalid_key};
use crate::config_error::ConfigError;

/// The keys of an application: the active one signs and encrypts, the previous ones are still
/// accepted.
///
/// To replace a key without logging users out, put a new one in front, and keep the old one behind
/// it until nothing made with it can be in use: for the absolute timeout of the sessions. On
/// several nodes, first give all of them the new key *behind* the old one, so that each accepts it
/// before any node makes it active. To end every session at once, leave the old key out.
///
/// As text, for an environment variable or a secrets file, the active key comes first:
///
/// ```
/// use cloakroom::{Key, KeyRing, OsRandom};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // What `std::env::var("SESSION_KEYS")` might say: "2:<base64>,1:<base64>".
/// let text = format!("{},{}", *Key::generate(2, &OsRandom)?.to_entry(), *Key::generate(1, &OsRandom)?.to_entry());
/// let ring: KeyRing = text.parse()?;
/// assert_eq!(ring.active(), 2);
/// # Ok(())
/// # }
/// ```
///
/// Cheap to clone. `Debug` shows only the numbers.
#[derive(Clone)]
pub struct KeyRing(Arc<[Key]>);

impl KeyRing {
    /// A ring with this key alone.
    #[must_use]
    pub fn new(active: Key) -> Self {
        Self(Arc::new([active]))
    }

    /// Adds a previous key: data made with it is still accepted.
    ///
    /// # Errors
    /// If the ring already has a key with its number or its secret.
    pub fn with_previous(self, key: Key) -> Result<Self, ConfigError> {
        if self.find(key.id()).is_some() {
            return Err(invalid_key(key.id(), format_args!("occurs twice; give every key a number of its own")));
        }
        if let Some(same) = self.0.iter().find(|same| same.has_same_secret(&key)) {
            return Err(invalid_key(key.id(), format_args!("has the same secret as key {}; {REMEDY}", same.id())));
        }
        Ok(Self(self.0.iter().cloned().chain([key]).collect()))
    }

    /// The number of the active key.
    #[must_use]
    pub fn active(&self) -> u8 {
        self.active_key().id()
    }

    pub(crate) fn active_key(&self) -> &Key {
        &self.0[0]
    }

    /// The keys that are only accepted.
    pub(crate) fn previous_keys(&self) -> impl Iterator<Item = &Key> {
        self.0.iter().skip(1)
    }

    /// Derives the key for log ids from the active key.
    pub(crate) fn log_key(&self) -> [u8; 16] {
        let key = self.active_key().derive(Purpose::LogId, b"");
        std::array::from_fn(|index| key.as_bytes()[index])
    }

    /// All keys, the active one first.
    #[cfg(any(test, fuzzing))]
    pub(super) fn keys(&self) -> impl ExactSizeIterator<Item = &Key> {
        self.0.iter()
    }

    fn find(&self, id: u8) -> Option<&Key> {
        self.0.iter().find(|key| key.id() == id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyRing").field(&self.0).finish()
    }
}

impl FromStr for KeyRing {
    type Err = ConfigError;

    /// Parses `number:base64` entries, separated by commas or white space, the active key first.
    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let entries = text.split([',', ' ', '\t', '\r', '\n']).filter(|entry| !entry.is_empty());
        let mut ring: Option<Self> = None;
        for (index, entry) in entries.enumerate() {
            let key = key(index + 1, entry)?;
            ring = Some(match ring {
                None => Self::new(key),
                Some(ring) => ring.with_previous(key)?,
            });
        }
        ring.ok_or_else(|| ConfigError::new("keys", format!("is empty; write `1:` and a secret: {REMEDY}")))
    }
}

fn key(position: usize, entry: &str) -> Result<Key, ConfigError> {
    let number = entry.split_once(':').and_then(|(number, secret)| Some((number.parse::<u8>().ok()?, secret)));
    let Some((number, secret)) = number else {
        let problem = format!("has no number from 0 to 255 with a colon before the secret of entry {position}");
        return Err(ConfigError::new("keys", problem));
    };
    let secret = decode(secret).ok_or_else(|| invalid_key(number, format_args!("is not base64; {REMEDY}")))?;
    Key::new(number, &*secret)
}

/// Accepts either alphabet, padded or not, because common tools print all of these.
fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    GeneralPurpose::new(&alphabet, config).decode(text).ok().map(Zeroizing::new)
}
