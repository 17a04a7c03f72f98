//! For tests: a clock to move, randomness to repeat, a store to read, to watch and to break, and the
//! checks that every store must pass (feature `testkit`).
//!
//! | you test | you want |
//! |---|---|
//! | an application, over time | [`ManualClock`] |
//! | an application, the same way twice | [`SeededRandom`] |
//! | several nodes over one store | [`MemoryStore`] and [`MemoryStore::node`] |
//! | how often the store is asked | [`SpyStore`] |
//! | what happens when the store is slow, down or lying | [`FaultyStore`] |
//! | a store of your own | [`conformance()`] |
//!
//! Nothing here belongs in a service.

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
