//! The closure of `update` cannot await: it may have to run again, and other requests wait for it.
//!
//! No bound can exclude futures, so the message is the compiler's own.

use cloakroom::{Session, SessionError, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Cart(Vec<u64>);
impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

async fn price(item: u64) -> u64 {
    item
}

async fn add(session: Session, item: u64) -> Result<(), SessionError> {
    session.update(async |cart: &mut Cart| cart.0.push(price(item).await)).await;
    Ok(())
}

fn main() {
    drop(add);
}
