//! The store on real servers, with real faults.

#[cfg(feature = "tls")]
#[allow(dead_code, reason = "the tests of Redis use more of it")]
#[path = "../../../cloakroom-redis/tests/redis/tls/authority.rs"]
mod authority;
mod backend;
mod cleaning;
mod clocks;
mod coherence;
mod conformance;
mod costs;
mod database;
#[path = "../shared/dead_members.rs"]
mod dead_members;
#[path = "../shared/first_sessions.rs"]
mod first_sessions;
mod first_tables;
mod held_replies;
#[cfg(target_os = "linux")]
mod idle;
mod limits;
mod many_sessions;
mod opening;
mod pooler;
mod rows;
#[path = "../shared/samples.rs"]
mod samples;
mod sessions;
mod statistics;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod values;
mod watched_lists;
