//! Hostile input of every kind, each with what it has to come to.
//!
//! Tables, because several tests read them: of the parsers alone, of a whole application, and, as seeds, the fuzzers.

pub(crate) mod bearer_headers;
pub(crate) mod cookie_headers;
pub(crate) mod sealed_tokens;
mod templates;
