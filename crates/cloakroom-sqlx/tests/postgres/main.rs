//! The store on real servers, with real faults.

mod backend;
mod coherence;
mod conformance;
mod costs;
mod database;
mod limits;
mod opening;
mod pooler;
mod rows;
#[path = "../shared/samples.rs"]
mod samples;
mod sessions;
mod support;
