//! A setting that does not exist, is given twice, has no value or a wrong one, or misses another.

use cloakroom::{CachePolicy, SessionValue};
use serde::{Deserialize, Serialize};

const POLICY: CachePolicy = CachePolicy::STATE;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(lifetime = "15m")]
struct Unknown;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "15m")]
#[session(key = "twice", ttl = "1h")]
struct Twice;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl)]
struct WithoutValue;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(stale_if_error = "1h")]
struct WithoutTtl;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(cache = POLICY, jitter = 10)]
struct PolicyTwice;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "15m", jitter = 101)]
struct MoreThanAll;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "15m", expires_at = "Self::until")]
struct QuotedFunction;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session]
struct Bare;

fn main() {}
