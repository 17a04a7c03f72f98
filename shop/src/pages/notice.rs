//! The line at the top of a page that says what just happened.

use super::texts::{Texts, fill};
use crate::error::Problem;

/// Something to tell the visitor about the page that they get.
pub(crate) enum Notice {
    Added { name: String },
    Saved,
    SignedOut,
    SessionOver,
    SignInAgain,
    DevicesEnded { count: usize },
    PasswordChanged { others: usize },
    Problem(Problem),
}

impl Notice {
    /// The class of the line.
    pub(super) const fn tone(&self) -> &'static str {
        match self {
            Self::Problem(_) => "bad",
            Self::SessionOver | Self::SignInAgain => "hint",
            _ => "good",
        }
    }

    pub(super) fn text(&self, t: &Texts) -> String {
        match self {
            Self::Added { name } => fill(t.added, name),
            Self::Saved => t.saved.to_owned(),
            Self::SignedOut => t.signed_out.to_owned(),
            Self::SessionOver => t.session_over.to_owned(),
            Self::SignInAgain => t.sign_in_again.to_owned(),
            Self::DevicesEnded { count } => fill(t.devices_ended, count),
            Self::PasswordChanged { others } => fill(t.password_changed, others),
            Self::Problem(problem) => (t.problem)(*problem).1.to_owned(),
        }
    }
}
