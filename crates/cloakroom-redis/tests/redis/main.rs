//! The Redis store on real servers: a single one, a cluster, and a master chosen by sentinels.

mod acl;
mod backend;
mod clocks;
mod cluster;
mod cluster_hosts;
mod conformance;
mod failure;
mod format;
mod hostile;
mod many_sessions;
mod parallel_logins;
mod plaintext;
mod principals;
mod races;
mod rules;
mod sealing;
mod sentinel;
mod startup;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod waiting;
mod wire;
