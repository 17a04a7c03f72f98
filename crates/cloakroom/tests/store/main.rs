//! The store contract and its testkit: the suite passes on the reference store, and fails on broken ones.

mod backend;
mod clock;
mod conformance;
mod defects;
mod faults;
mod memory;
mod random;
mod samples;
mod spy;
