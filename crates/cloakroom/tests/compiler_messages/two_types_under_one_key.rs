//! Two types whose default keys are the same. The program compiles, and does not start.

use cloakroom::{SessionValue, Sessions};

mod orders {
    #[derive(Clone, serde::Serialize, serde::Deserialize, cloakroom::SessionValue)]
    pub(crate) struct Filter(u8);
}

mod search {
    #[derive(Clone, serde::Serialize, serde::Deserialize, cloakroom::SessionValue)]
    pub(crate) struct Filter(String);
}

fn main() {
    let [first, second] = [orders::Filter::KEY, search::Filter::KEY];
    assert_eq!(first, second);
    Sessions::in_memory();
    println!("started");
}
