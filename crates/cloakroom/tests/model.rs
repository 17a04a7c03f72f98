//! Behaviour of sessions as applications see it: compared with a simple model, and for past bugs.
//!
//! The random walks use a fixed seed. `CLOAKROOM_SEED=<number>` selects other walks, and
//! `CLOAKROOM_ITERATIONS=<number>` runs more of them. A failure prints the shortest failing walk.

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
