//! Records the secrets of a test process, and looks for them in everything that the tests print (R55).
//!
//! The library under test has no hook for this. The tests give their [`Sessions`] a random source that
//! [records](record) each number it returns, their clients record the tokens that they receive, and their
//! values record themselves when they are serialized. All other secrets follow from those:
//! `derive.rs` computes them. Nothing is recorded unless the environment variable
//! `CLOAKROOM_SECRET_SCAN` names a folder; then everything that is logged goes there too, at every level.
//!
//! `scripts/test secrets` runs the tests like that, then has [`examine`] read the folder.
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
