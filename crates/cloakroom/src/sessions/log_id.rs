use std::fmt;
use std::hash::Hasher;

use siphasher::sip::SipHasher24;

use crate::identity::Tag;
use crate::keys::{KeyRing, Purpose};
use crate::random::{RandomError, RandomSource};

/// Names a session in logs and events, and nowhere else.
///
/// A keyed digest of the tag, under the active key of the sessions' ring or, without one, under a key of this process: lines about one session can be put
/// together, but a log opens nothing and does not even say where a session is stored
/// (OWASP ASVS 16.2.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(u64);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({self})")
    }
}

/// The key for log ids.
pub(crate) struct LogKey([u8; 16]);

impl LogKey {
    /// Of the ring's active key, so that all nodes give a session the same name; else of this process alone.
    pub(crate) fn new(keys: Option<&KeyRing>, random: &dyn RandomSource) -> Result<Self, RandomError> {
        let mut bytes = [0; 16];
        match keys.and_then(|ring| ring.keys().next()) {
            Some(active) => bytes.copy_from_slice(&active.derive(Purpose::LogId, b"").as_bytes()[..16]),
            None => random.fill(&mut bytes)?,
        }
        Ok(Self(bytes))
    }

    pub(crate) fn log_id(&self, tag: &Tag) -> LogId {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write(tag.as_bytes());
        LogId(hasher.finish())
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogKey(..)")
    }
}
