//! Clients: small state machines that remember what they were told.

mod device;
mod funeral;
mod life;
mod rollbacks;
mod wire;

pub(crate) use funeral::{Dead, check_all, dig};
pub(crate) use life::live;
pub(crate) use rollbacks::check_rollbacks;
