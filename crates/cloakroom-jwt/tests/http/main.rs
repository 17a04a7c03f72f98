//! The requirements on JWTs over HTTP, each with a test that is named after it (`rNN_…`, the numbers of the project's list
//! of security requirements).
//!
//! What must hold with and without a shared tier is tested with and without one.

#![allow(clippy::unwrap_used, reason = "the lint's exception covers test functions, not what they share")]

mod access_tokens;
mod corpora;
#[path = "../corpus/mod.rs"]
mod corpus;
#[allow(dead_code, reason = "the other tests over HTTP use the rest")]
#[path = "../../../cloakroom/tests/support/figures.rs"]
mod figures;
mod session_tokens;
#[allow(dead_code, unused_imports, reason = "the other tests over HTTP use the rest")]
#[path = "../../../cloakroom/tests/http/support/mod.rs"]
mod support;
