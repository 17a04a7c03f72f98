//! The expected content of a session, as far as its clients can know it.

mod audit;
mod client_history;
mod session_ledger;

pub(crate) use audit::{audit, is_complete};
pub(crate) use client_history::ClientHistory;
pub(crate) use session_ledger::{Entry, SessionLedger, WriteLog, WriteOutcome};
