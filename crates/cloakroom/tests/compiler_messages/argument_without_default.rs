//! A `Session<T>` argument needs a default, for a session without the value.

use axum::extract::FromRequestParts;
use cloakroom::{Session, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize)]
struct Profile {
    name: String,
}
impl SessionValue for Profile {
    const KEY: &'static str = "profile";
}

// The bound that `#[axum::debug_handler]` puts on every argument. Without it, axum reports only
// that the function is not a `Handler`.
fn is_an_argument<T: FromRequestParts<()>>() {}

fn main() {
    is_an_argument::<Session<Profile>>();
}
