//! The store contract and its testkit: the suite passes on the reference store, and fails on broken ones.

mod backend;
mod conformance;
mod defects;
