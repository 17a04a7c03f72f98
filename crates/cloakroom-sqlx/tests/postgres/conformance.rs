use cloakroom_testkit::conformance;

use crate::backend::{Access, PostgresBackend};

#[tokio::test(flavor = "multi_thread")]
async fn r60_the_contract_holds_for_a_role_that_owns_nothing() {
    conformance(PostgresBackend::new(Access::LeastPrivilege).await).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_in_a_pool_of_the_application() {
    conformance(PostgresBackend::new(Access::Pool).await).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_behind_a_pooler_of_transactions() {
    conformance(PostgresBackend::new(Access::TransactionPooler).await).await.assert_passed();
}
