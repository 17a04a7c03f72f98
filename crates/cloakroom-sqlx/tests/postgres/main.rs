//! The store on real servers, with real faults.

mod backend;
mod cleaning;
mod coherence;
mod conformance;
mod costs;
mod database;
#[cfg(target_os = "linux")]
mod idle;
mod limits;
mod opening;
mod pooler;
mod rows;
#[path = "../shared/samples.rs"]
mod samples;
mod sessions;
mod statistics;
mod support;
