use crate::{SeededRandom, Verb};
use cloakroom::store::StoreErrorKind;

use super::gate::GateState;

/// The probability of each fault, in percent per call: 0 by default; 100 and more means always.
///
/// At most one fault hits a call; failure is drawn first, then a lost reply, then a delay. Damage
/// to a loaded record is drawn separately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FaultRates {
    /// The call fails with [`StoreErrorKind::Unavailable`] and does nothing.
    pub unavailable: u8,
    /// The call acts and fails with [`StoreErrorKind::Unknown`].
    pub lost_reply: u8,
    /// Other tasks run first, before the call acts and before it replies.
    pub dawdle: u8,
    /// Every value of a loaded record is damaged.
    pub corrupt_load: u8,
}

impl FaultRates {
    /// Sets [`unavailable`](FaultRates::unavailable).
    #[must_use]
    pub const fn unavailable(self, percent: u8) -> Self {
        Self { unavailable: percent, ..self }
    }

    /// Sets [`lost_reply`](FaultRates::lost_reply).
    #[must_use]
    pub const fn lost_reply(self, percent: u8) -> Self {
        Self { lost_reply: percent, ..self }
    }

    /// Sets [`dawdle`](FaultRates::dawdle).
    #[must_use]
    pub const fn dawdle(self, percent: u8) -> Self {
        Self { dawdle: percent, ..self }
    }

    /// Sets [`corrupt_load`](FaultRates::corrupt_load).
    #[must_use]
    pub const fn corrupt_load(self, percent: u8) -> Self {
        Self { corrupt_load: percent, ..self }
    }
}

/// The fault that hits one call.
#[derive(Debug)]
pub(super) enum Fault {
    Fail(StoreErrorKind),
    LoseReply,
    Hold(GateState),
    /// Yields to other tasks this many times before acting and before replying.
    Dawdle(u64, u64),
}

/// The planned faults.
#[derive(Debug, Default)]
pub(super) struct Plan {
    next: Vec<(Verb, Fault)>,
    corrupt_loads: usize,
    down: Option<StoreErrorKind>,
    rng: Option<(SeededRandom, FaultRates)>,
}

impl Plan {
    pub(super) fn script(&mut self, verb: Verb, fault: Fault) {
        self.next.push((verb, fault));
    }

    pub(super) fn corrupt_next_load(&mut self) {
        self.corrupt_loads += 1;
    }

    pub(super) fn go_down(&mut self, kind: StoreErrorKind) {
        self.down = Some(kind);
    }

    pub(super) fn roll(&mut self, seed: u64, chances: FaultRates) {
        self.rng = Some((SeededRandom::new(seed), chances));
    }

    /// The fault for a call that begins now.
    pub(super) fn fault_for(&mut self, verb: Verb) -> Option<Fault> {
        if let Some(place) = self.next.iter().position(|(scripted, _)| *scripted == verb) {
            return Some(self.next.remove(place).1);
        }
        if let Some(kind) = self.down {
            return Some(Fault::Fail(kind));
        }
        let (rng, chances) = self.rng.as_ref()?;
        if hits(rng, chances.unavailable) {
            Some(Fault::Fail(StoreErrorKind::Unavailable))
        } else if hits(rng, chances.lost_reply) {
            Some(Fault::LoseReply)
        } else if hits(rng, chances.dawdle) {
            Some(Fault::Dawdle(rng.next_u64() % 4, rng.next_u64() % 4))
        } else {
            None
        }
    }

    /// Returns `true` if the values of a record that was just loaded are to be damaged.
    pub(super) fn corrupts(&mut self) -> bool {
        if let Some(left) = self.corrupt_loads.checked_sub(1) {
            self.corrupt_loads = left;
            return true;
        }
        self.rng.as_ref().is_some_and(|(rng, chances)| hits(rng, chances.corrupt_load))
    }
}

fn hits(rng: &SeededRandom, percent: u8) -> bool {
    percent > 0 && rng.next_u64() % 100 < u64::from(percent)
}
