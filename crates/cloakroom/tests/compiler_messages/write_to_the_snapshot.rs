//! A handler receives a snapshot that it cannot change. `update` changes the value.
//!
//! A library cannot add a message about a missing `DerefMut`.

use cloakroom::{Session, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Cart(Vec<u64>);
impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

async fn add(mut cart: Session<Cart>) {
    cart.0.push(17);
}

fn main() {
    drop(add);
}
