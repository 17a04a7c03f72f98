//! The cart: state that lives in the session and nowhere else.

mod handlers;

use std::collections::BTreeMap;
use std::sync::Arc;

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};

pub(crate) use self::handlers::{Line, MOST, add, remove, set, show};
use crate::error::ShopError;
use crate::request_context::RequestContext;

/// How many of each item a visitor wants.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cart {
    items: BTreeMap<String, u32>,
}

impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

impl Cart {
    /// One more of `item`; answers how many there are now.
    pub(crate) fn add(&mut self, item: &str) -> u32 {
        let quantity = self.items.entry(item.to_owned()).or_default();
        *quantity = quantity.saturating_add(1);
        *quantity
    }

    /// Exactly `quantity` of `item`; none of it when that is zero.
    pub(crate) fn set(&mut self, item: &str, quantity: u32) {
        if quantity == 0 {
            self.items.remove(item);
        } else {
            self.items.insert(item.to_owned(), quantity);
        }
    }

    /// Adds up with what was left behind earlier.
    pub(crate) fn merge(&mut self, saved: &[(String, u32)]) {
        for (item, quantity) in saved {
            let own = self.items.entry(item.clone()).or_default();
            *own = own.saturating_add(*quantity);
        }
    }

    /// How many things are in it altogether.
    pub(crate) fn count(&self) -> u64 {
        self.items.values().map(|quantity| u64::from(*quantity)).sum()
    }

    pub(crate) fn items(&self) -> impl Iterator<Item = (&str, u32)> {
        self.items.iter().map(|(item, quantity)| (item.as_str(), *quantity))
    }

    /// The items as a JSON object, for the database's `json_each`.
    pub(crate) fn to_json(&self) -> String {
        serde_json::json!(self.items).to_string()
    }
}

impl RequestContext {
    pub(crate) async fn cart(&self) -> Result<Arc<Cart>, ShopError> {
        self.state(Cart::KEY, &self.slots().cart, Cart::clone).await
    }
}

#[cfg(test)]
mod tests {
    use super::Cart;

    #[test]
    fn a_cart_adds_up() {
        let mut cart = Cart::default();
        assert_eq!(cart.add("hat"), 1);
        cart.merge(&[("hat".to_owned(), u32::MAX), ("scarf".to_owned(), 2)]);
        assert_eq!(cart.items().collect::<Vec<_>>(), [("hat", u32::MAX), ("scarf", 2)]);
        cart.set("hat", 0);
        assert_eq!(cart.count(), 2);
    }
}
