//! Streams that follow a session: the versions of one of its values.

mod steps;
mod value;

pub use value::Watch;
