//! An argument needs a default for where the session has no such value.

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

// What `#[axum::debug_handler]` asks of every argument. Without it, axum says only that the
// function is no `Handler`.
fn is_an_argument<T: FromRequestParts<()>>() {}

fn main() {
    is_an_argument::<Session<Profile>>();
}
