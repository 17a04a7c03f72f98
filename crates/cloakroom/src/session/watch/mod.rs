//! Streams that follow a session, or the list of a principal's sessions.

mod sessions;
mod steps;
mod value;

pub use sessions::SessionsWatch;
pub use value::Watch;
