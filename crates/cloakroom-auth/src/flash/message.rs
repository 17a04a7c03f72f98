use std::collections::VecDeque;
use std::fmt;

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

/// The kind of a message, from the least to the most urgent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// For developers.
    Debug,
    /// Something that the visitor may want to know.
    Info,
    /// An action succeeded.
    Success,
    /// Something that the visitor should look at.
    Warning,
    /// An action failed.
    Error,
}

impl Level {
    /// Returns the name in lower case, such as `warning`: a class of a style sheet.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Success => "success",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A message for the next page.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlashMessage {
    /// The kind of the message.
    pub level: Level,
    /// The text, not escaped.
    pub text: String,
}

/// Omits the text, which may name what the visitor did.
impl fmt::Debug for FlashMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlashMessage").field("level", &self.level).finish_non_exhaustive()
    }
}

/// The messages that wait in a session, for `Login::keep::<FlashMessages>()`.
///
/// Read and write them with [`Flash`](super::Flash).
#[derive(Clone, Debug, Default, Serialize, Deserialize, SessionValue)]
#[session(key = "auth.flash")]
pub struct FlashMessages(VecDeque<FlashMessage>);

impl FlashMessages {
    /// Adds a message, and drops the oldest ones of more than `max`.
    pub(super) fn push(&mut self, message: FlashMessage, max: usize) {
        self.0.push_back(message);
        while self.0.len() > max {
            self.0.pop_front();
        }
    }

    pub(super) fn into_vec(self) -> Vec<FlashMessage> {
        self.0.into()
    }
}
