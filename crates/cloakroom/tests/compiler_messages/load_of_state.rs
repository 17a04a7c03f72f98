//! State cannot be loaded, because it has no source.

use cloakroom::{Session, SessionValue};
use serde::{Deserialize, Serialize};

#[derive(Clone, Default, Serialize, Deserialize)]
struct Cart(Vec<u64>);
impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

async fn cart(session: Session) {
    let _ = session.get_or_load(|| async { Ok::<_, std::io::Error>(Cart::default()) }).await;
}

fn main() {
    drop(axum::Router::<()>::new().route("/", axum::routing::get(cart)));
}
