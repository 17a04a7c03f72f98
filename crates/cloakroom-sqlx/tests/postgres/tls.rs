//! Encrypted connections: which servers are trusted, and the errors for the others.

use std::time::Duration;

use cloakroom::store::{Guard, Store};
use cloakroom_sqlx::{ConnectError, PostgresStore, PostgresStoreBuilder};
use cloakroom_testbed::{Postgres, Tls};
use tempfile::NamedTempFile;

use crate::authority::Authority;
use crate::database::Database;
use crate::samples::{KEY, count, insert, json, now, put, record, selector};
use crate::support::{Invalidations, until};

async fn database(tls: Tls) -> Database {
    Database::start_as(Postgres::builder().tls(tls)).await
}

/// The address of a server whose certificate must be signed by the authority in the file.
fn verified(database: &Database, roots: &NamedTempFile) -> String {
    let roots = roots.path().display();
    database.server.url().replace("sslmode=disable", &format!("sslmode=verify-full&sslrootcert={roots}"))
}

fn file(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), text).expect("it is ours");
    file
}

/// The error of opening a store, which has the words.
async fn refusal(builder: PostgresStoreBuilder, url: &str, words: &[&str]) -> ConnectError {
    // A server that is only not there yet would be waited for.
    let error = builder.connect_within(url, Duration::from_secs(2)).await.expect_err("it cannot be used");
    let text = error.to_string();
    for word in words {
        assert!(text.contains(word), "{word:?} is not in: {text}");
    }
    error
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_shared_over_verified_connections_and_all_are_encrypted() {
    const NEVER: Duration = Duration::from_secs(30);
    let authority = Authority::new();
    let database = database(authority.server("127.0.0.1")).await;
    let (schema, roots) = (database.schema().await, file(&authority.certificate()));
    let url = verified(&database, &roots);
    let open = || database.builder(&schema).lease(NEVER * 2).poll_interval(NEVER);
    let a = open().connect(&url).await.expect("the certificate is right");
    let b = open().connect(&url).await.expect("the certificate is right");
    let seen = Invalidations::of(&b);
    insert(&a, 1, record(now())).await;
    let mut version = 1;
    // The second node may still be about to listen.
    until("a change is known by its notification", async || {
        let commit = put(version, version << 32 | 7, KEY, cloakroom::store::Expect::Any, json(&version.to_string()));
        a.commit(selector(1), commit).await.expect("the server runs");
        version += 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
        seen.count(selector(1)) > 0
    })
    .await;
    let found = b.load(selector(1)).await.expect("the server runs").expect("it is there").record;
    assert_eq!((found.version, count(&found)), (version, version - 1));
    let connections = |encrypted: bool| {
        format!(
            "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
             WHERE application_name = 'cloakroom' AND ssl = {encrypted}"
        )
    };
    assert!(database.number(&connections(true)).await >= 6, "each node polls, listens and calls");
    assert_eq!(database.number(&connections(false)).await, 0);
    b.destroy(selector(1), Guard::Anyone).await.expect("the server runs");
    assert!(a.load(selector(1)).await.expect("the server runs").is_none());
}

#[tokio::test]
async fn r61_a_server_that_cannot_prove_its_name_is_refused_with_the_remedy() {
    let (ours, others) = (Authority::new(), Authority::new());
    let (roots, builder) = (file(&ours.certificate()), PostgresStore::builder);
    for (tls, words) in [
        (others.server("127.0.0.1"), ["UnknownIssuer", "`sslrootcert`"]),
        (ours.server("elsewhere.example"), ["not valid for name", "by a name that is in its certificate"]),
        (ours.expired_server("127.0.0.1"), ["expired", "renew"]),
    ] {
        let database = database(tls).await;
        let error = refusal(builder(), &verified(&database, &roots), &words).await;
        assert!(matches!(error, ConnectError::Encryption { .. }), "{error}");
    }
    // Without a root of its own, the client trusts the public authorities.
    let database = database(ours.server("127.0.0.1")).await;
    let url = database.server.url().replace("sslmode=disable", "sslmode=verify-full");
    refusal(builder(), &url, &["UnknownIssuer", "`sslrootcert`"]).await;
}

#[tokio::test]
async fn a_server_that_does_not_encrypt_is_refused_if_encryption_is_required() {
    let database = Database::start().await;
    for mode in ["require", "verify-full"] {
        let url = database.server.url().replace("sslmode=disable", &format!("sslmode={mode}"));
        let error = refusal(PostgresStore::builder(), &url, &["does not encrypt", "`ssl = on`"]).await;
        assert!(matches!(error, ConnectError::Encryption { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_root_certificate_that_cannot_be_read_is_an_error_of_the_address() {
    let authority = Authority::new();
    let database = database(authority.server("127.0.0.1")).await;
    let builder = PostgresStore::builder;
    let missing = file("");
    let url = verified(&database, &missing);
    drop(missing);
    let error = refusal(builder(), &url, &["`url`", "`sslrootcert`", "does not exist"]).await;
    assert!(matches!(error, ConnectError::Setting(_)), "{error}");
    let nonsense = file("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let error = refusal(builder(), &verified(&database, &nonsense), &["`url`", "certificate"]).await;
    assert!(matches!(error, ConnectError::Setting(_)), "{error}");
}
