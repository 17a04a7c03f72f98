//! The application's keys, and the keys for single purposes that are derived from them.
//!
//! An operator keeps one secret per key. Every purpose has its own derived key (HKDF, RFC 5869), so
//! that data made for one purpose is refused for every other (OWASP ASVS 11.1.2).
//!
//! Without the feature `keys` there are no keys: the types that would hold them have no values.

#[cfg(feature = "keys")]
mod active;
#[cfg(feature = "keys")]
mod associated_data;
#[cfg(feature = "keys")]
mod cipher;
#[cfg(feature = "keys")]
mod derive;
mod envelope;
#[cfg(any(test, fuzzing))]
mod fuzzing;
#[cfg(feature = "keys")]
mod key;
#[cfg(feature = "keys")]
mod key_ring;
#[cfg(feature = "keys")]
mod mac;
#[cfg(feature = "keys")]
mod seal_policy;
#[cfg(feature = "keys")]
mod strength;
#[cfg(test)]
mod tests;
#[cfg(not(feature = "keys"))]
mod without_keys;

#[cfg(feature = "keys")]
mod with_keys {
    pub use super::key::Key;
    pub use super::key_ring::KeyRing;
    pub use super::seal_policy::SealPolicy;

    pub(crate) use super::active::{ActiveKeyRing, FollowsRing};
    pub(crate) use super::associated_data::AssociatedData;
    pub(crate) use super::cipher::{Cipher, SealError};
    pub(crate) use super::derive::Purpose;
    pub(crate) use super::mac::{MAC_BYTES, MacKeys, MacResult};
}

#[cfg(any(test, fuzzing))]
pub use fuzzing::key_ring;
#[cfg(feature = "keys")]
pub use with_keys::*;

pub(crate) use envelope::{OVERHEAD, OpenError};
#[cfg(not(feature = "keys"))]
pub(crate) use without_keys::{ActiveKeyRing, FollowsRing, KeyRing, SealPolicy};
