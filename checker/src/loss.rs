//! Acknowledged operations that Redis may have lost, as far as an observer can tell.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::state::LEASE;

/// The extent of a loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Whole sessions, which no later write restores: a session that exists lacks nothing.
    Sessions,
    /// Writes, logins and logouts that a replica lacked when it was promoted.
    LastWrites,
}

/// One event in which a server may lose operations.
#[derive(Clone, Debug)]
pub(crate) struct Loss {
    pub(crate) what: Lost,
    /// The slots of the server; `None` without a cluster, for all sessions.
    slots: Option<Vec<(u16, u16)>>,
    /// An operation acknowledged before this instant is not lost.
    acked_after: Option<Instant>,
    /// An operation sent after this instant is not lost. `None` until the loss has ended.
    pub(crate) sent_by: Option<Instant>,
    /// An operation acknowledged after this instant is not lost.
    pub(crate) acked_by: Option<Instant>,
}

/// A write, login or logout.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Operation {
    /// The slot of its session, if known.
    pub(crate) slot: Option<u16>,
    pub(crate) sent: Instant,
    pub(crate) acked: Option<Instant>,
}

impl Loss {
    pub(crate) const fn of_sessions() -> Self {
        Self { what: Lost::Sessions, slots: None, acked_after: None, sent_by: None, acked_by: None }
    }

    pub(crate) const fn of_last_writes(slots: Option<Vec<(u16, u16)>>, acked_after: Option<Instant>) -> Self {
        Self { what: Lost::LastWrites, slots, acked_after, sent_by: None, acked_by: None }
    }

    pub(crate) fn includes(&self, operation: Operation) -> bool {
        self.is_of(operation.slot) && self.was_sent_in_time(operation) && self.was_acked_in_time(operation)
    }

    pub(crate) fn is_of(&self, slot: Option<u16>) -> bool {
        let (Some(slots), Some(slot)) = (&self.slots, slot) else { return true };
        slots.iter().any(|(first, last)| (*first..=*last).contains(&slot))
    }

    pub(crate) fn was_sent_in_time(&self, operation: Operation) -> bool {
        self.sent_by.is_none_or(|by| operation.sent <= by)
    }

    fn was_acked_in_time(&self, operation: Operation) -> bool {
        operation.acked.is_none_or(|acked| {
            self.acked_after.is_none_or(|after| acked > after) && self.acked_by.is_none_or(|by| acked <= by)
        })
    }

    /// Returns `true` if a read sent at this instant may return a lost operation.
    pub(crate) fn may_be_seen_at(&self, asked: Instant) -> bool {
        self.sent_by.is_none_or(|by| asked <= by + LEASE)
    }
}

/// The selector of a token, as it is written in Redis keys.
pub(crate) fn selector_of(token: &str) -> Option<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token.get(..43)?).ok()?;
    let selector = bytes.first_chunk::<16>()?;
    Some(format!("{:032x}", u128::from_be_bytes(*selector)))
}

/// The slot of a token's record, as clusters compute it: CRC-16/XMODEM of the part of the key
/// between braces.
pub(crate) fn slot_of(token: &str) -> Option<u16> {
    let crc = selector_of(token)?.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0x1021 })
    });
    Some(crc % 16_384)
}

#[cfg(test)]
mod tests {
    use super::{Instant, LEASE, Loss, Operation, selector_of, slot_of};

    #[test]
    fn the_slot_of_a_token_is_that_of_its_record() {
        let token = "A".repeat(43);
        assert_eq!(selector_of(&token).as_deref(), Some("00000000000000000000000000000000"));
        assert_eq!(slot_of(&token), Some(SLOT_OF_ZEROS));
        assert_eq!(slot_of("short"), None);
    }

    /// The answer of Redis to `CLUSTER KEYSLOT {00000000000000000000000000000000}`.
    const SLOT_OF_ZEROS: u16 = 15_376;

    #[test]
    fn only_what_the_old_master_alone_can_have_had_is_excused() {
        let now = Instant::now();
        let mut loss = Loss::of_last_writes(Some(vec![(0, 99)]), Some(now + LEASE));
        (loss.sent_by, loss.acked_by) = (Some(now + LEASE * 3), Some(now + LEASE * 5));
        let at = |slot, sent, acked| Operation {
            slot: Some(slot),
            sent: now + LEASE * sent,
            acked: Some(now + LEASE * acked),
        };
        assert!(loss.includes(at(7, 1, 2)) && loss.includes(at(7, 3, 5)));
        assert!(!loss.includes(at(100, 1, 2)), "another master has it");
        assert!(!loss.includes(at(7, 0, 1)), "the replica had it");
        assert!(!loss.includes(at(7, 4, 5)), "sent to the new master");
        assert!(!loss.includes(at(7, 3, 6)), "acknowledged by the new master");
    }
}
