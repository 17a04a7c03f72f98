//! Defects of other session libraries, each a test named after what it prevents.
//!
//! The letters and numbers are those of `docs/testing.md`, "What others get wrong".

mod identity;
mod lifetimes;
mod shared_tier;
mod updates;
