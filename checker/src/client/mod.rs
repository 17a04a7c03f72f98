//! Clients: small state machines that remember what they were told.

mod device;
mod funeral;
mod life;
mod wire;

pub(crate) use funeral::{Dead, check_all, dig};
pub(crate) use life::live;
