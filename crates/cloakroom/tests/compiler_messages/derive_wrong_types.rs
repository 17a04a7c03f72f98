//! Expressions, functions and fields of wrong types. The messages are the compiler's own, at the
//! right places.

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

const TTL: u64 = 900;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(ttl = TTL)]
struct Ttl;

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(expires_at = Self::until)]
struct Function;
impl Function {
    fn until(&self) -> u64 {
        900
    }
}

#[derive(Clone, Serialize, Deserialize, SessionValue)]
struct Field {
    #[session(expires_at)]
    until: String,
}

#[derive(Clone, SessionValue)]
struct WithoutSerde(String);

fn main() {}
