use cloakroom_testkit::conformance;

use crate::backend::{Place, SqliteBackend};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_file() {
    conformance(SqliteBackend::new(Place::File)).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_a_pool_of_the_application() {
    conformance(SqliteBackend::new(Place::Pool { connections: 4 })).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_a_pool_of_one_connection() {
    conformance(SqliteBackend::new(Place::Pool { connections: 1 })).await.assert_passed();
}
