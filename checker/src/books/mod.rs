//! What a session must hold, as far as its clients can know.

mod audit;
mod book;
mod seen;

pub(crate) use audit::{audit, is_complete};
pub(crate) use book::{Book, Books, Entry, Fate};
pub(crate) use seen::Seen;
