//! A key that is a constant is checked where it is given, not where the value is first used.

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

const CART_KEY: &str = "Guest Cart";

#[derive(Clone, Serialize, Deserialize, SessionValue)]
#[session(key = CART_KEY)]
struct Cart(Vec<String>);

fn main() {}
