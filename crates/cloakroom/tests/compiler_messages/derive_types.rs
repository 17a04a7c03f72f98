//! Types that cannot be values, and attributes inside of types.

use cloakroom::{SessionValue, Timestamp};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, SessionValue)]
struct Borrowed<'a>(&'a str);

#[derive(Clone, Serialize, Deserialize, SessionValue)]
struct Page<T>(Vec<T>);

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(key = "pages")]
struct Pages<T>(Vec<T>);

#[derive(Clone, Copy, SessionValue)]
union Bits {
    number: u32,
}

#[derive(Clone, Serialize, Deserialize, SessionValue)]
struct FieldWithKey {
    #[session(key = "name")]
    name: String,
}

#[derive(Clone, Serialize, Deserialize, SessionValue)]
struct TwoExpiries {
    #[session(expires_at)]
    one: Timestamp,
    #[session(expires_at)]
    other: Timestamp,
}

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(expires_at = Self::until)]
struct ExpiryTwice {
    #[session(expires_at)]
    until: Timestamp,
}

#[derive(Clone, Serialize, Deserialize, SessionValue)]
enum Step {
    Paid {
        #[session(expires_at)]
        until: Timestamp,
    },
}

fn main() {}
