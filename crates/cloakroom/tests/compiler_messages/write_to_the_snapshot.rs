//! What a handler gets is a snapshot, and `update` changes the value.
//!
//! Of a missing `DerefMut` the compiler has nothing said by a library.

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
