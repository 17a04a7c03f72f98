use std::sync::Arc;

use cloakroom_testbed::{Cluster, Sentinels, Server};
use cloakroom_testkit::conformance;

use crate::backend::{RedisBackend, Servers};

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_one_server() {
    let server = Server::start().await.expect("redis-server is installed");
    conformance(RedisBackend::new(Servers::One(Arc::new(server)))).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_on_a_cluster() {
    let cluster = Cluster::start(3, 1).await.expect("redis-server is installed");
    conformance(RedisBackend::new(Servers::Cluster(cluster))).await.assert_passed();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_behind_sentinels() {
    let sentinels = Sentinels::start().await.expect("redis-server is installed");
    conformance(RedisBackend::new(Servers::Sentinels(sentinels))).await.assert_passed();
}
