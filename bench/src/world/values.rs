use std::collections::BTreeMap;
use std::mem::size_of;
use std::time::Duration;

use cloakroom::{CachePolicy, SessionValue};
use serde::{Deserialize, Serialize};

/// How many items every cart holds.
const ITEMS: u32 = 5;

/// The cart as the guide writes it: easy to read, six allocations, its size counted by encoding it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Cart {
    pub(crate) items: BTreeMap<String, u32>,
}

impl SessionValue for Cart {
    const KEY: &'static str = "cart";
}

impl Cart {
    pub(crate) fn fill(&mut self) {
        self.items = (0..ITEMS).map(|item| (format!("item-{:05}", 10_007 * item), item + 1)).collect();
    }

    /// One more of an item that is in the cart, so that its size stays what it is.
    pub(crate) fn add(&mut self) {
        if let Some(quantity) = self.items.values_mut().next() {
            *quantity = (*quantity + 1) % 10;
        }
    }
}

/// The same cart as an application would write it that counts nanoseconds: one allocation, and it says its size.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct CompactCart(pub(crate) Vec<(u32, u32)>);

impl SessionValue for CompactCart {
    const KEY: &'static str = "compact";

    fn size(&self) -> Option<usize> {
        Some(size_of::<Self>() + self.0.capacity() * size_of::<(u32, u32)>())
    }
}

impl CompactCart {
    pub(crate) fn fill(&mut self) {
        self.0 = (0..ITEMS).map(|item| (10_007 * item, item + 1)).collect();
    }

    pub(crate) fn add(&mut self) {
        if let Some((_, quantity)) = self.0.first_mut() {
            *quantity = (*quantity + 1) % 10;
        }
    }
}

/// A cached value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Preferences {
    pub(crate) theme: String,
    pub(crate) language: String,
}

impl SessionValue for Preferences {
    const KEY: &'static str = "preferences";
    const CACHE: CachePolicy = CachePolicy::ttl(Duration::from_secs(3600));
}
