//! Clients: small state machines that remember what they were told.

mod device;
mod http;
mod revocation;
mod rollbacks;
mod session_run;

pub(crate) use revocation::{DeadToken, check_all, dig};
pub(crate) use rollbacks::check_rollbacks;
pub(crate) use session_run::live;
