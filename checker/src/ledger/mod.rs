//! What a session must hold, as far as its clients can know.

mod audit;
mod client_history;
mod session_ledger;

pub(crate) use audit::{audit, is_complete};
pub(crate) use client_history::ClientHistory;
pub(crate) use session_ledger::{Entry, Ledger, SessionLedger, WriteOutcome};
