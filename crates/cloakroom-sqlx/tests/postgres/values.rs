//! Values that PostgreSQL's own types would refuse or change.

use std::collections::BTreeMap;

use cloakroom::{Login, SessionValue, Sessions};
use serde::{Deserialize, Serialize};

use crate::database::Database;
use crate::support::{Visitor, recorded};

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Odd {
    text: String,
    numbers: Vec<f64>,
    whole: (u64, i64),
    by_key: BTreeMap<String, Option<Vec<u8>>>,
}

impl SessionValue for Odd {
    const KEY: &'static str = "odd";
}

async fn node(database: &Database, schema: &str) -> Sessions {
    recorded().store(database.store(schema).await).build().expect("the settings are valid")
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_values_and_names_come_back_as_they_were_on_another_node() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let (a, b) = (node(&database, &schema).await, node(&database, &schema).await);
    let hostile = "\0 \\0 \u{7f}\u{2028}\u{feff} 😀 \u{10ffff} '; DROP TABLE cloakroom_values; -- \\u0000";
    let odd = Odd {
        text: hostile.to_owned(),
        numbers: vec![-0.0, 5e-324, f64::MIN_POSITIVE, f64::MAX, 0.1 + 0.2, 1e23],
        whole: (u64::MAX, i64::MIN),
        by_key: [("".to_owned(), None), (hostile.to_owned(), Some(vec![0, 255]))].into(),
    };
    let visitor = Visitor::default();
    let visit = visitor.enter(&a);
    visit.login(Login::new(hostile).label("\0label\\")).await.expect("the server runs");
    visit.set(odd.clone()).await.expect("the server runs");
    visit.leave().await;
    let visit = visitor.enter(&b);
    assert_eq!(visit.get::<Odd>().await.expect("it decodes").as_deref(), Some(&odd));
    assert_eq!(visit.principal().await.expect("the server runs").expect("a login").as_str(), hostile);
    visit.leave().await;
    let listed = b.of(hostile).list().await.expect("the server runs");
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].label.as_deref(), Some("\0label\\"));
    assert_eq!(a.of(hostile).revoke_all().await.expect("the server runs"), 1);
}
