//! The store on real servers: one, a cluster, and one that sentinels choose.

mod conformance;
mod ground;
