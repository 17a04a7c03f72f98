//! Sessions on several nodes over one database.

use cloakroom::{Key, KeyRing, SealPolicy, Sessions};

use cloakroom_sqlx::PostgresStoreBuilder;

use crate::database::Database;
use crate::support::{Count, Visitor, recorded, until};

async fn node(database: &Database, schema: &str) -> Sessions {
    recorded().store(database.store(schema).await).build().expect("the settings are valid")
}

async fn add(sessions: &Sessions, visitor: &Visitor) -> u64 {
    let visit = visitor.enter(sessions);
    let added = visit.update(|count: &mut Count| {
        count.0 += 1;
        count.0
    });
    let made = added.await.expect("the server runs");
    visit.leave().await;
    made
}

async fn read(sessions: &Sessions, visitor: &Visitor) -> Option<u64> {
    let visit = visitor.enter(sessions);
    let count = visit.get::<Count>().await.expect("the server runs");
    visit.leave().await;
    count.map(|count| count.0)
}

async fn principal(sessions: &Sessions, visitor: &Visitor) -> Option<String> {
    let visit = visitor.enter(sessions);
    let principal = visit.principal().await.expect("the server runs");
    visit.leave().await;
    principal.map(|principal| principal.as_str().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_update_is_lost_between_three_nodes() {
    const EACH: u64 = 50;
    let database = Database::start().await;
    let schema = database.schema().await;
    let visitor = Visitor::default();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(node(&database, &schema).await);
    }
    add(&nodes[0], &visitor).await;
    let work = nodes.iter().map(|node| async {
        for _ in 0..EACH {
            add(node, &visitor).await;
        }
    });
    futures_util::future::join_all(work).await;
    for node in &nodes {
        assert_eq!(read(node, &visitor).await, Some(1 + 3 * EACH));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_reads_its_own_writes_on_every_node() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let (a, b) = (node(&database, &schema).await, node(&database, &schema).await);
    let visitor = Visitor::default();
    for round in 1..=50 {
        let (writer, reader) = if round % 2 == 0 { (&a, &b) } else { (&b, &a) };
        assert_eq!(add(writer, &visitor).await, round);
        assert_eq!(read(reader, &visitor).await, Some(round));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_on_one_node_is_over_on_the_others() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let (a, b) = (node(&database, &schema).await, node(&database, &schema).await);
    let (phone, laptop) = (Visitor::default(), Visitor::default());
    for device in [&phone, &laptop] {
        let visit = device.enter(&a);
        visit.login("ada").await.expect("the server runs");
        visit.leave().await;
        assert_eq!(principal(&b, device).await.as_deref(), Some("ada"));
    }
    let stolen = Visitor::with_cookie(phone.cookie());
    let visit = laptop.enter(&b);
    b.of("ada").revoke_others(&visit).await.expect("the server runs");
    visit.leave().await;
    until("the phone is signed out", async || principal(&a, &stolen).await.is_none()).await;
    assert_eq!(principal(&a, &laptop).await.as_deref(), Some("ada"));
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_sessions_are_unreadable_in_the_database_and_readable_on_every_node() {
    let database = Database::start().await;
    let schema = database.schema().await;
    // The same on every node.
    let secret: [u8; 32] = std::array::from_fn(|place| (place as u8).wrapping_mul(41) ^ 0x5A);
    cloakroom_secret_scan::record("key", secret);
    let key = || Key::new(1, secret).expect("random enough");
    let node = async || {
        let builder = recorded().store(database.store(&schema).await).keys(KeyRing::new(key()));
        builder.seal(SealPolicy::Require).build().expect("the settings are valid")
    };
    let (a, b) = (node().await, node().await);
    let visitor = Visitor::default();
    add(&a, &visitor).await;
    assert_eq!(read(&b, &visitor).await, Some(1));
    assert_eq!(add(&b, &visitor).await, 2);
    assert_eq!(read(&a, &visitor).await, Some(2));
    let plain = format!("SELECT count(*) FROM {schema}.cloakroom_values WHERE json IS NOT NULL AND state <> 'present'");
    assert_eq!(database.number(&plain).await, 0);
    let sealed = format!("SELECT count(*) FROM {schema}.cloakroom_values WHERE state = 'sealed' AND key = 'count'");
    assert_eq!(database.number(&sealed).await, 1);
}

/// As in the address of a Redis server.
#[tokio::test(flavor = "multi_thread")]
async fn the_address_may_name_the_namespace() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let url = database.server.url();
    let open = async |builder: PostgresStoreBuilder, url: &str| {
        let store = builder.connect(url).await.expect("the server runs");
        recorded().store(store).build().expect("the settings are valid")
    };
    let first = open(database.builder(&schema).namespace("office"), &url).await;
    let named = format!("{url}{}namespace=office", if url.contains('?') { '&' } else { '?' });
    let second = open(database.builder(&schema), &named).await;
    let visitor = Visitor::default();
    add(&first, &visitor).await;
    assert_eq!(read(&second, &visitor).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn r64_two_applications_in_one_database_never_meet() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let url = database.server.url();
    let mut applications = Vec::new();
    for namespace in ["shop", "office"] {
        let store = database.builder(&schema).namespace(namespace).connect(&url).await.expect("the server runs");
        applications.push(recorded().store(store).build().expect("the settings are valid"));
    }
    let visitor = Visitor::default();
    add(&applications[0], &visitor).await;
    let elsewhere = Visitor::with_cookie(visitor.cookie());
    assert_eq!(read(&applications[1], &elsewhere).await, None);
    assert_eq!(applications[1].of("ada").list().await.expect("the server runs").len(), 0);
    assert_eq!(read(&applications[0], &visitor).await, Some(1));
}
