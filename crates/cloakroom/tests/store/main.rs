//! Tests of the testkit. The conformance suite must pass on the reference store and fail on broken
//! ones.

mod backend;
mod clock;
mod conformance;
mod defects;
mod faults;
mod memory;
mod random;
mod samples;
mod spy;
mod transfer;
