//! The application's keys, and the keys for single purposes that are derived from them.
//!
//! An operator keeps one secret per key. Every purpose has its own derived key (HKDF, RFC 5869), so
//! that data made for one purpose is refused for every other (OWASP ASVS 11.1.2).

mod active;
mod associated_data;
mod cipher;
mod derive;
#[cfg(any(test, fuzzing))]
mod fuzzing;
mod key;
mod key_ring;
mod mac;
mod strength;
#[cfg(test)]
mod tests;

#[cfg(any(test, fuzzing))]
pub use fuzzing::key_ring;
pub use key::Key;
pub use key_ring::KeyRing;

pub(crate) use active::{ActiveKeyRing, FollowsRing};
pub(crate) use associated_data::AssociatedData;
pub(crate) use cipher::{Cipher, OVERHEAD, OpenError, SealError};
pub(crate) use derive::Purpose;
pub(crate) use mac::{MAC_BYTES, MacKeys, MacResult};
