//! The store on real servers: one, a cluster, and one that sentinels choose.

mod acl;
mod clocks;
mod cluster;
mod conformance;
mod failure;
mod format;
mod ground;
mod hostile;
mod many_sessions;
mod plaintext;
mod preflight;
mod principals;
mod races;
mod rules;
mod sealing;
mod sentinel;
mod support;
#[cfg(feature = "tls")]
mod tls;
mod waiting;
mod wire;
