//! What no test noticed when a line was broken on purpose: one test or more for each of those lines.
//!
//! `docs/testing.md` says which line each test is about, and `scripts/mutants` looks for more such lines.

#![allow(clippy::unwrap_used, reason = "the lint's exception covers test functions, not what they share")]

mod noticed;
#[allow(dead_code, unused_imports, reason = "the other tests over HTTP use the rest")]
#[path = "../http/support/mod.rs"]
mod support;
