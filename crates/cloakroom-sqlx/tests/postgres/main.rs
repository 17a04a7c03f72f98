//! The store on real servers, with real faults.

mod backend;
mod conformance;
mod database;
