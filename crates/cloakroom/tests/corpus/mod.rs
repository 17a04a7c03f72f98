//! Hostile input of every kind, each with its expected result.
//!
//! Tables, because several tests read them: those of the parsers, those of whole applications, and
//! the fuzzers as seeds.

pub(crate) mod bearer_headers;
pub(crate) mod cookie_headers;
pub(crate) mod sealed_tokens;
mod templates;
