//! Clients, which are small state machines that remember the replies they received.

mod device;
mod http;
mod revocation;
mod rollbacks;
mod session_run;

pub(crate) use revocation::{DeadToken, check_all, retry_dead_tokens};
pub(crate) use rollbacks::check_rollbacks;
pub(crate) use session_run::run_sessions;
