//! TLS connections: which servers are trusted, and the error messages for the others.

mod authority;

use std::sync::Arc;
use std::time::Duration;

use cloakroom_redis::{ConnectError, RedisStore, RedisStoreBuilder};
use cloakroom_testbed::{Cluster, Sentinels, Server, Tls};
use cloakroom_testkit::conformance;

use crate::backend::{RedisBackend, Servers};
use crate::support::{Count, NAMESPACE, Visitor};
use authority::{Authority, Identity};

async fn server(tls: Tls) -> Server {
    Server::builder().tls(tls).start().await.expect("redis-server is built with TLS")
}

/// The error of a client that trusts `roots` for a server with this identity.
async fn error_of(tls: Tls, roots: &Authority) -> String {
    let server = server(tls).await;
    connect_error(builder().server(server.tls_url()).tls_root_certificates(roots.certificate())).await
}

async fn connect_error(builder: RedisStoreBuilder) -> String {
    let error: ConnectError = builder.connect().await.expect_err("the connection must fail");
    assert_eq!(error.problems().len(), 1, "one clear message: {error}");
    error.to_string()
}

fn builder() -> RedisStoreBuilder {
    RedisStore::builder(NAMESPACE).deadline(Duration::from_secs(5))
}

/// Checks that a session works over this store.
async fn assert_works(store: RedisStore) {
    let sessions = crate::support::recorded().store(store).build().unwrap();
    let visitor = Visitor::default();
    for expected in 1..=3 {
        let visit = visitor.enter(&sessions);
        let count = |count: &mut Count| {
            count.0 += 1;
            count.0
        };
        assert_eq!(visit.update(count).await.unwrap(), expected);
        visit.leave().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contract_holds_over_encrypted_lines() {
    let authority = Authority::new();
    let server = server(authority.server("127.0.0.1")).await;
    let backend = RedisBackend::new(Servers::One(Arc::new(server))).encrypted(authority.certificate());
    conformance(backend).await.assert_passed();
}

#[tokio::test]
async fn r61_a_server_that_nobody_trusted_has_signed_is_refused() {
    let (ours, others) = (Authority::new(), Authority::new());
    let text = error_of(others.server("127.0.0.1"), &ours).await;
    assert!(text.contains("UnknownIssuer") && text.contains("tls_root_certificates"), "{text}");
    // Without configured roots the client trusts the public authorities, none of which signed this
    // certificate.
    let server = server(ours.server("127.0.0.1")).await;
    let text = connect_error(builder().server(server.tls_url())).await;
    assert!(text.contains("UnknownIssuer") && text.contains("tls_root_certificates"), "{text}");
}

#[tokio::test]
async fn r61_a_certificate_that_is_too_old_or_for_another_host_is_refused() {
    let authority = Authority::new();
    let text = error_of(authority.expired_server("127.0.0.1"), &authority).await;
    assert!(text.contains("expired") && text.contains("renew"), "{text}");
    let text = error_of(authority.server("elsewhere.example"), &authority).await;
    assert!(text.contains("127.0.0.1") && text.contains("by a name that is in its certificate"), "{text}");
}

#[tokio::test]
async fn a_server_that_asks_who_comes_is_told() {
    let (authority, others) = (Authority::new(), Authority::new());
    let server = server(Tls { of_clients: true, ..authority.server("127.0.0.1") }).await;
    let builder = || builder().server(server.tls_url()).tls_root_certificates(authority.certificate());
    let Identity { certificate, key } = authority.client();
    assert_works(builder().tls_client_certificate(certificate, key).connect().await.unwrap()).await;
    let text = connect_error(builder()).await;
    assert!(text.contains("tls_client_certificate"), "{text}");
    let Identity { certificate, key } = others.client();
    let text = connect_error(builder().tls_client_certificate(certificate, key)).await;
    assert!(text.contains("tls_client_certificate"), "{text}");
}

/// One side uses TLS and the other one does not.
#[tokio::test]
async fn a_server_that_speaks_the_other_language_is_said_with_the_remedy() {
    let authority = Authority::new();
    let tls = server(authority.server("127.0.0.1")).await;
    let locked = Server::builder().password("password").start().await.unwrap();
    // Connections that get no reply are given up after this time.
    let builder = || builder().deadline(Duration::from_millis(500));
    for plain in [&tls, &locked] {
        let place = format!("127.0.0.1:{}", plain.port());
        let text = connect_error(builder().server(format!("rediss://{place}/"))).await;
        assert!(text.contains(&format!("{place} does not speak TLS")), "{text}");
        assert!(text.contains("tls-port") && text.contains("`redis://`"), "{text}");
        // A cluster node that is reachable but does not speak TLS must not be reported as down.
        let text = connect_error(builder().cluster([format!("rediss://{place}/"), tls.tls_url()])).await;
        assert!(text.contains("does not speak TLS"), "{text}");
    }
    let clear = tls.tls_url().replacen("rediss:", "redis:", 1);
    for builder in [builder().server(&clear), builder().cluster([&clear]), builder().sentinels([&clear], "mymaster")] {
        let text = connect_error(builder).await;
        assert!(text.contains("speaks TLS") && text.contains("`rediss://`"), "{text}");
    }
}

/// A server that does not answer must not be reported as speaking another protocol.
#[tokio::test]
async fn a_server_that_stands_still_speaks_no_language() {
    let authority = Authority::new();
    let server = server(authority.server("127.0.0.1")).await;
    server.freeze().await.unwrap();
    for address in [server.url(), server.tls_url()] {
        let text = connect_error(builder().deadline(Duration::from_millis(200)).server(address)).await;
        assert!(text.contains("cannot be reached"), "{text}");
    }
}

#[tokio::test]
async fn r61_what_would_switch_the_check_off_or_is_no_certificate_is_refused_before_anything_is_sent() {
    let authority = Authority::new();
    let Identity { certificate, key } = authority.client();
    let server = server(authority.server("127.0.0.1")).await;
    let address = server.tls_url();
    let text = connect_error(builder().server("rediss://:open-sesame@localhost:1/#insecure")).await;
    assert!(text.contains("#insecure") && text.contains("tls_root_certificates"), "{text}");
    assert!(!text.contains("open-sesame"), "{text}");
    let text =
        connect_error(builder().server("redis://localhost:1/").tls_root_certificates(authority.certificate())).await;
    assert!(text.contains("tls_root_certificates") && text.contains("rediss://"), "{text}");
    for nonsense in ["", "nonsense", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", &key] {
        let text = connect_error(builder().server(&address).tls_root_certificates(nonsense)).await;
        assert!(text.contains("tls_root_certificates"), "{nonsense}: {text}");
        let text = connect_error(builder().server(&address).tls_client_certificate(nonsense, key.clone())).await;
        assert!(text.contains("tls_client_certificate"), "{nonsense}: {text}");
    }
    let text = connect_error(builder().server(&address).tls_client_certificate(certificate, "nonsense")).await;
    assert!(text.contains("tls_client_certificate") && text.contains("key"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r61_all_servers_of_a_cluster_are_checked() {
    let (authority, others) = (Authority::new(), Authority::new());
    let cluster = Cluster::builder().replicas_per_master(0).tls(authority.server("127.0.0.1")).start().await.unwrap();
    let store = builder().cluster(cluster.tls_urls()).tls_root_certificates(authority.certificate());
    let store = store.connect().await.unwrap();
    // Enough sessions for every master to get some.
    for _ in 0..12 {
        assert_works(store.clone()).await;
    }
    let text = connect_error(builder().cluster(cluster.tls_urls()).tls_root_certificates(others.certificate())).await;
    assert!(text.contains("UnknownIssuer"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn r61_sentinels_and_the_master_that_they_name_are_checked() {
    let (authority, others) = (Authority::new(), Authority::new());
    let sentinels = Sentinels::builder().replicas(0).tls(authority.server("127.0.0.1")).start().await.unwrap();
    let builder = || builder().sentinels(sentinels.tls_urls(), sentinels.master_name());
    assert_works(builder().tls_root_certificates(authority.certificate()).connect().await.unwrap()).await;
    let text = connect_error(builder().tls_root_certificates(others.certificate())).await;
    assert!(text.contains("UnknownIssuer"), "{text}");
}
