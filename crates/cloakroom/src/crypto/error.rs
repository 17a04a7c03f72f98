use super::key::KeyId;

/// A key that must not be used, detected when it was configured, not when a request needed it.
///
/// Names the key and the remedy, and never shows any part of its secret.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{location} {problem}")]
pub struct KeyError {
    location: KeyLocation,
    problem: String,
}

plain_debug!(KeyError);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KeyLocation {
    Key(KeyId),
    Entry(usize),
    Ring,
}

impl std::fmt::Display for KeyLocation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::Entry(position) => write!(f, "entry {position} of the key ring"),
            Self::Ring => f.write_str("the key ring"),
        }
    }
}

impl KeyError {
    pub(super) fn key(id: KeyId, problem: impl Into<String>) -> Self {
        Self { location: KeyLocation::Key(id), problem: problem.into() }
    }

    /// An error in an entry of a ring's text; entries count from one.
    pub(super) fn entry(position: usize, problem: impl Into<String>) -> Self {
        Self { location: KeyLocation::Entry(position), problem: problem.into() }
    }

    pub(super) fn ring(problem: impl Into<String>) -> Self {
        Self { location: KeyLocation::Ring, problem: problem.into() }
    }

    /// The id of the key, if it is known.
    #[must_use]
    pub const fn key_id(&self) -> Option<KeyId> {
        match self.location {
            KeyLocation::Key(id) => Some(id),
            KeyLocation::Entry(_) | KeyLocation::Ring => None,
        }
    }
}
