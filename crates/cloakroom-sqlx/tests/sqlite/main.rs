//! The store on real files, with real faults.

mod backend;
mod conformance;
mod crash;
#[path = "../shared/dead_members.rs"]
mod dead_members;
#[path = "../shared/first_sessions.rs"]
mod first_sessions;
mod first_tables;
mod full_disk;
mod in_memory;
mod many_sessions;
mod opening;
mod owner;
mod owner_lock;
mod panics;
mod restart;
mod rows;
#[path = "../shared/samples.rs"]
mod samples;
#[cfg(target_os = "linux")]
mod small_disk;
mod support;
mod waiting;
