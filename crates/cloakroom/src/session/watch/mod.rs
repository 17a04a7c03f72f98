//! Streams that follow a session, or the list of a principal's sessions.

mod sessions;
mod steps;
mod subscription;
mod value;
mod wait;
mod watched;

pub use sessions::SessionsWatch;
pub use value::Watch;
