//! The store contract and its testkit: the suite passes on the reference store, and fails on broken ones.

#![allow(clippy::unwrap_used, reason = "the lint's exception covers test functions, not what they share")]

mod backend;
mod conformance;
mod defects;
