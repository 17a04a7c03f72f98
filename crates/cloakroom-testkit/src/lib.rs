//! Test utilities: a clock to move, repeatable randomness, stores to inspect, observe and break,
//! and the checks that every store must pass (feature `testkit`).
//!
//! | you test | you want |
//! |---|---|
//! | an application over time | [`ManualClock`] |
//! | an application that must behave the same in every run | [`SeededRandom`] |
//! | several nodes over one store | [`MemoryStore`] and [`MemoryStore::node`] |
//! | how often the store is called | [`SpyStore`] |
//! | a store that is slow, down or returns bad data | [`FaultyStore`] |
//! | a store of your own | [`conformance()`] |
//!
//! When not to use it: in a service. Nothing here is meant for production.

#[macro_use]
mod with_fields;

mod clock;
mod conformance;
mod faults;
mod memory;
mod random;
mod spy;
mod verb;

pub use clock::ManualClock;
pub use conformance::{Backend, Capability, Finding, Report, Verdict, conformance};
pub use faults::{CallGate, FaultRates, FaultyStore};
pub use memory::MemoryStore;
pub use random::{FailingRandom, SeededRandom};
pub use spy::{Call, SpyStore};
pub use verb::Verb;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
