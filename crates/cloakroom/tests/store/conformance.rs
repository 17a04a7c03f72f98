use cloakroom::testkit::conformance;

use crate::backend::reference;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_store_keeps_every_promise() {
    let report = conformance(reference()).await;
    report.assert_passed();
    assert_eq!(report.skipped().count(), 0, "{report}");
}
