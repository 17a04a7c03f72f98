//! A duration needs a unit.

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "15")]
struct WithoutUnit;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "15m", stale_if_error = "1 hour")]
struct UnknownUnit;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = 900)]
struct Number;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = "15m", load_timeout = "999999999999d")]
struct Overflow;

fn main() {}
