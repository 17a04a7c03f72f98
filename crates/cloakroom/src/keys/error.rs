use super::key::KeyId;

/// A key that must not be used, found when it was given and not when a request needed it.
///
/// Says which key and what to do about it, and never anything of its secret.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place} {problem}")]
pub struct KeyError {
    place: Place,
    problem: String,
}

plain_debug!(KeyError);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Key(KeyId),
    Entry(usize),
    Ring,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Key(id) => write!(f, "key {id}"),
            Self::Entry(place) => write!(f, "entry {place} of the key ring"),
            Self::Ring => f.write_str("the key ring"),
        }
    }
}

impl KeyError {
    pub(super) fn key(id: KeyId, problem: impl Into<String>) -> Self {
        Self { place: Place::Key(id), problem: problem.into() }
    }

    /// Of the text of a ring; entries count from one.
    pub(super) fn entry(place: usize, problem: impl Into<String>) -> Self {
        Self { place: Place::Entry(place), problem: problem.into() }
    }

    pub(super) fn ring(problem: impl Into<String>) -> Self {
        Self { place: Place::Ring, problem: problem.into() }
    }

    /// Which key, if its id is known.
    #[must_use]
    pub const fn key_id(&self) -> Option<KeyId> {
        match self.place {
            Place::Key(id) => Some(id),
            Place::Entry(_) | Place::Ring => None,
        }
    }
}
