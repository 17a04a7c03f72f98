//! The sessions as their users know them: against a plain model, and against what went wrong before.
//!
//! The model is played with a fixed seed. `CLOAKROOM_SEED=<number>` takes other walks and
//! `CLOAKROOM_ITERATIONS=<number>` more of them; a failure prints the shortest walk that fails.

#[path = "model/oracle.rs"]
mod oracle;
#[path = "model/real_sessions.rs"]
mod real_sessions;
#[path = "support/recording.rs"]
mod recording;
#[path = "model/regressions.rs"]
mod regressions;
#[path = "model/steps.rs"]
mod steps;
#[path = "model/visitor.rs"]
mod visitor;
#[path = "model/walks.rs"]
mod walks;
