//! Behind a pooler of transactions, without the setting for it.

use cloakroom_testbed::PgBouncer;

use crate::database::Database;

/// Opens a store without `transaction_pooling`, and uses it on several connections at a time.
async fn fault_behind_a_pooler(ignored_parameters: &[&str]) -> String {
    let database = Database::start().await;
    let schema = database.schema().await;
    let pooler = PgBouncer::start(&database.server, ignored_parameters).await.expect("it is installed");
    let opened = database.builder(&schema).connect(&database.server.url_through(pooler.port())).await;
    opened.expect_err("the setting is missing").to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_refuses_parameters_is_an_error_that_names_the_setting() {
    let error = fault_behind_a_pooler(&[]).await;
    assert!(error.contains("`transaction_pooling`"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pooler_that_ignores_parameters_is_an_error_that_names_the_setting() {
    let error = fault_behind_a_pooler(&["extra_float_digits"]).await;
    assert!(error.contains("`transaction_pooling`"), "{error}");
}
