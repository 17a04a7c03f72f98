//! Test utilities: clients, a clock to move, repeatable randomness, stores to inspect, observe and
//! break, and the checks that every store must pass.
//!
//! | you test | you want |
//! |---|---|
//! | an application, as visitors with cookies or tokens use it | [`TestClient`] |
//! | an application over time | [`ManualClock`] |
//! | an application that must behave the same in every run | [`SeededRandom`] |
//! | several nodes over one store | [`MemoryStore::nodes`], [`TestClient::at`] |
//! | how often the store is called | [`SpyStore`] |
//! | a store that is slow, down or returns bad data | [`FaultyStore`] |
//! | a store of your own | [`conformance()`] |
//!
//! When not to use it: in a service. Nothing here is meant for production.
//!
//! # Features
//!
//! - `client` (default): [`TestClient`].

// docs.rs labels each item with the feature that it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod with_fields;

#[cfg(feature = "client")]
mod client;
mod clock;
mod conformance;
mod faults;
mod memory;
mod random;
mod spy;
mod verb;

#[cfg(feature = "client")]
pub use client::{TestClient, TestRequest, TestResponse};
pub use clock::ManualClock;
pub use conformance::{Backend, Capability, Finding, Report, Verdict, conformance};
pub use faults::{CallGate, FaultRates, FaultyStore};
pub use memory::MemoryStore;
pub use random::{FailingRandom, SeededRandom};
pub use spy::{Call, SpyStore};
pub use verb::Verb;

#[cfg(all(doctest, feature = "client"))]
#[doc = include_str!("../README.md")]
mod readme {}
