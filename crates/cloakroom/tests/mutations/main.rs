//! Tests for each line that was once broken on purpose without any test noticing it.
//!
//! `docs/testing.md` lists the line of each test, and `scripts/mutants` searches for more lines.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod noticed;
#[allow(dead_code, unused_imports, reason = "the other tests over HTTP use the rest")]
#[path = "../http/support/mod.rs"]
mod support;
