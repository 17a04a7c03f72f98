//! The sessions as their users know them: against a plain model, and against what went wrong before.

#[path = "model/regressions.rs"]
mod regressions;
#[path = "model/visitor.rs"]
mod visitor;
