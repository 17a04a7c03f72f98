//! Defects of other session libraries, each with a test that is named after what it prevents.
//!
//! The letters and numbers are those of `docs/testing.md`, "What others get wrong".

mod identity;
mod lifetimes;
mod shared_tier;
mod updates;
