//! What everybody is asked.

use crate::load::{Pace, What, Whose};

/// One kind of load.
pub(super) struct Trial {
    /// In the names of the figures.
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) line: Line,
    pub(super) pace: Pace,
}

#[derive(Clone, Copy)]
pub(super) enum Line {
    ReadOne,
    Read,
    Update,
}

/// So many requests a second that nobody here is saturated by them, whoever shares the two processors.
pub(super) const RATE: u32 = 5000;

pub(super) const TRIALS: [Trial; 5] = [
    Trial { name: "read-one", what: "read, one session", line: Line::ReadOne, pace: Pace::Saturate },
    Trial { name: "read", what: "read, any of 1000 sessions", line: Line::Read, pace: Pace::Saturate },
    Trial { name: "update", what: "update, any of 1000 sessions", line: Line::Update, pace: Pace::Saturate },
    Trial { name: "paced-read", what: "read, any of 1000 sessions", line: Line::Read, pace: Pace::PerSecond(RATE) },
    Trial {
        name: "paced-update",
        what: "update, any of 1000 sessions",
        line: Line::Update,
        pace: Pace::PerSecond(RATE),
    },
];

impl Trial {
    pub(super) const fn saturates(&self) -> bool {
        matches!(self.pace, Pace::Saturate)
    }

    pub(super) fn ask(&self) -> What {
        match self.line {
            Line::ReadOne => What::read(Whose::One, "GET /cart", 5),
            Line::Read => What::read(Whose::Any, "GET /cart", 5),
            Line::Update => What::update(),
        }
    }
}
