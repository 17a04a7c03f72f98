//! Records the secrets of a test process, and searches everything that the tests print for them
//! (R55).
//!
//! The library under test has no hook for this. The tests give their [`Sessions`] a random source
//! that [records](record) each number it returns, their clients record the tokens that they
//! receive, and their values record themselves when they are serialized. All other secrets are
//! derived from those by `derive.rs`. Nothing is recorded unless the environment variable
//! `CLOAKROOM_SECRET_SCAN` names a folder; then everything that is logged, at every level, is
//! written there too.
//!
//! `scripts/test secrets` runs the tests like that, and then lets [`examine`] search the folder.
//!
//! [`Sessions`]: https://docs.rs/cloakroom/latest/cloakroom/struct.Sessions.html

pub mod derive;
mod examine;
mod log;
mod needles;
mod record;
mod scan;
mod spellings;

pub use examine::{Report, examine};
pub use record::{is_recording, record};
pub use scan::Leak;
