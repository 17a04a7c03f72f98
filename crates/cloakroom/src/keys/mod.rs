//! The application's keys, and the keys for single uses that are derived from them.
//!
//! One secret per key is all that an operator keeps. Every use has a key of its own (HKDF, RFC 5869), so
//! that what was made for one use is refused for every other (OWASP ASVS 11.1.2).

mod derived;
mod error;
#[cfg(any(test, fuzzing))]
mod fuzzing;
mod in_use;
mod key;
mod mac;
mod ring;
#[cfg(test)]
mod tests;
mod weak;

pub use error::KeyError;
#[cfg(any(test, fuzzing))]
pub use fuzzing::key_ring;
pub use key::{Key, KeyId};
pub use ring::KeyRing;

pub(crate) use derived::Purpose;
pub(crate) use in_use::{KeysInUse, Live};
pub(crate) use mac::{MAC_BYTES, MacKeys, Verdict};
#[cfg(feature = "jwt")]
pub(crate) use weak::problem as weakness;
