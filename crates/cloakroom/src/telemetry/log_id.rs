use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

use siphasher::sip::SipHasher24;

use crate::crypto::{ActiveKeyRing, FollowsRing, KeyRing};
use crate::random::{RandomError, RandomSource};
use crate::token::Selector;

/// A session's name in logs and events, and nowhere else.
///
/// A keyed digest of the selector, under the active key of the sessions' ring or, without one,
/// under a key of this process. Log lines about one session can be correlated, but a log opens
/// nothing and does not even reveal where a session is stored (OWASP ASVS 16.2.5).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LogId(u64);

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl serde::Serialize for LogId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Debug for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LogId({self})")
    }
}

/// The key for log ids.
pub(crate) enum LogKey {
    /// A random key of this process.
    Own([u8; 16]),
    /// Derived from the active key of the sessions' ring, so that all nodes give a session the same
    /// log id.
    Shared(Arc<FollowsRing<[u8; 16]>>),
}

impl LogKey {
    pub(crate) fn new(keys: Option<&ActiveKeyRing>, random: &dyn RandomSource) -> Result<Self, RandomError> {
        let Some(keys) = keys else {
            let mut own = [0; 16];
            random.fill(&mut own)?;
            return Ok(Self::Own(own));
        };
        Ok(Self::Shared(keys.derive(KeyRing::log_key)))
    }

    pub(crate) fn log_id(&self, selector: &Selector) -> LogId {
        let mut hasher = match self {
            Self::Own(key) => SipHasher24::new_with_key(key),
            Self::Shared(key) => SipHasher24::new_with_key(&key.get()),
        };
        hasher.write(selector.as_bytes());
        LogId(hasher.finish())
    }
}

impl fmt::Debug for LogKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogKey(..)")
    }
}
