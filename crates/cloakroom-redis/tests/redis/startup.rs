//! Startup errors: all problems are reported together, with their remedies and without secrets.

use std::time::{Duration, Instant};

use cloakroom::{Clock, SystemClock, Timestamp};
use cloakroom_redis::{ConnectError, RedisStore, Warning};
use cloakroom_testbed::{Cluster, Server};
use cloakroom_testkit::ManualClock;

use crate::support::{Deployment, Visitor, without_hint};

const SECRET: &str = "open-sesame";

fn connect_error(outcome: Result<RedisStore, ConnectError>) -> String {
    let error = outcome.expect_err("connecting must fail");
    assert!(!error.problems().is_empty());
    for text in [format!("{error}"), format!("{error:?}"), format!("{error:#?}")] {
        assert!(!text.contains(SECRET), "{text}");
    }
    error.to_string()
}

/// An address of the server with a namespace.
fn address(url: &str) -> String {
    format!("{url}?namespace=shop")
}

#[tokio::test]
async fn an_address_without_a_namespace_is_refused_before_anything_is_sent() {
    let text = connect_error(RedisStore::connect("redis://localhost:1/").await);
    assert!(text.contains("namespace") && text.contains("?namespace="), "{text}");
    for bad in ["", "Shop", "a b", "shop:", "*"] {
        let text = connect_error(RedisStore::builder(bad).server("redis://localhost:1/").connect().await);
        assert!(text.contains("namespace") && text.contains("a-z"), "{bad}: {text}");
    }
}

#[tokio::test]
async fn everything_that_is_wrong_is_said_at_once() {
    let builder = RedisStore::builder("No Good").server("redis://192.0.2.7/").lease(Duration::ZERO);
    let text = connect_error(builder.deadline(Duration::from_secs(3600)).connect().await);
    for part in ["namespace", "lease", "deadline", "192.0.2.7", "allow_plaintext"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let text = connect_error(RedisStore::builder("shop").connect().await);
    assert!(text.contains("address"), "{text}");
}

#[tokio::test]
async fn r61_an_unencrypted_line_to_another_machine_has_to_be_asked_for() {
    for host in ["192.0.2.7", "redis.example", "[2001:db8::1]"] {
        let text = connect_error(RedisStore::connect(&format!("redis://:{SECRET}@{host}:6379/?namespace=shop")).await);
        assert!(text.contains("rediss://") && text.contains("allow_plaintext"), "{text}");
    }
    let began = Instant::now();
    let asked_for = RedisStore::builder("shop").server("redis://192.0.2.7:6379/").allow_plaintext();
    let text = connect_error(asked_for.deadline(Duration::from_millis(100)).connect().await);
    assert!(text.contains("cannot be reached"), "{text}");
    assert!(began.elapsed() < Duration::from_secs(5));
    let server = Server::start().await.unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let address = address(&format!("redis://{host}:{}/", server.port()));
        // A machine may have no name for the loopback address.
        RedisStore::connect(&address).await.map(drop).unwrap();
    }
}

#[tokio::test]
async fn an_address_that_does_not_read_is_refused_without_repeating_it() {
    for bad in [
        "not an address",
        "http://localhost/?namespace=shop",
        &format!("redis://:{SECRET}@localhost:port/?namespace=shop"),
        &format!("redis://u:{SECRET}@/?namespace=shop"),
        &format!("redis+ring://:{SECRET}@localhost/?namespace=shop"),
        &format!("redis+sentinel://:{SECRET}@localhost/?namespace=shop"),
        &format!("redis://:{SECRET}@localhost/abc?namespace=shop"),
        &format!("rediss://:{SECRET}@localhost/?namespace=shop"),
    ] {
        let text = connect_error(RedisStore::connect(bad).await);
        assert!(text.contains("address") || text.contains("server"), "{bad}: {text}");
    }
}

#[tokio::test]
async fn a_builder_and_a_store_show_no_password() {
    let server = Server::builder().password(SECRET).start().await.unwrap();
    let builder = RedisStore::builder("shop").server(server.url());
    let store = builder.clone().connect().await.unwrap();
    for text in [format!("{builder:?}"), format!("{builder:#?}"), format!("{store:?}"), format!("{store:#?}")] {
        assert!(!text.contains(SECRET), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_password_and_a_missing_one_are_told_apart_from_a_server_that_is_down() {
    let server = Server::builder().password("another").start().await.unwrap();
    let wrong = address(&format!("redis://:{SECRET}@127.0.0.1:{}/", server.port()));
    let missing = address(&format!("redis://127.0.0.1:{}/", server.port()));
    for address in [wrong, missing] {
        let text = connect_error(RedisStore::connect(&address).await).to_lowercase();
        assert!(text.contains("auth") || text.contains("password"), "{text}");
    }
    server.kill().unwrap();
    let text = connect_error(RedisStore::connect(&address(&server.url())).await);
    assert!(text.contains("refused"), "{text}");
}

#[tokio::test]
async fn r60_a_right_that_is_missing_is_named() {
    let all = "~shop:* +@all";
    let users = [
        ("scripts", format!("{all} -script"), "load scripts"),
        ("run", format!("{all} -evalsha"), "run scripts"),
        ("tracking", format!("{all} -client|tracking"), "CLIENT TRACKING"),
        ("read", format!("{all} -exists"), "read keys"),
        ("role", format!("{all} -role"), "ROLE"),
        ("elsewhere", "~other:* +@all".to_owned(), "keys of the namespace"),
    ];
    let builder = users.iter().fold(Server::builder(), |builder, (name, rules, _)| builder.user(*name, SECRET, rules));
    let server = builder.start().await.unwrap();
    for (name, _, missing) in &users {
        let text = connect_error(RedisStore::connect(&address(&server.url_of(name).unwrap())).await);
        assert!(text.contains(missing), "{name}: {text}");
    }
}

#[tokio::test]
async fn all_that_is_wrong_with_a_server_is_one_message() {
    let server = Server::builder().maxmemory(50_000_000, "allkeys-lru");
    let server = server.user("shop", SECRET, "~shop:* +@all -script -role -client|tracking").start().await.unwrap();
    let late = ManualClock::starting_at(SystemClock::new().now().after(Duration::from_secs(3600)));
    let builder = RedisStore::builder("shop").server(server.url_of("shop").unwrap()).clock(late);
    let text = connect_error(builder.connect().await);
    for part in ["CLIENT TRACKING", "load scripts", "ROLE", "access rules", "noeviction", "appendonly", "clock"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn a_user_who_may_not_look_around_is_a_warning_and_no_error() {
    let server = Server::builder().user("blind", SECRET, "~shop:* +@all -info -config").start().await.unwrap();
    let store = RedisStore::connect(&address(&server.url_of("blind").unwrap())).await.unwrap();
    assert_eq!(store.warnings(), [Warning::NotInspected]);
}

#[tokio::test]
async fn a_cluster_and_a_server_are_not_taken_for_each_other() {
    let server = Server::start().await.unwrap();
    let text = connect_error(RedisStore::builder("shop").cluster([server.url()]).connect().await);
    assert!(text.contains("not part of a cluster") && text.contains(".server("), "{text}");
    let cluster = Cluster::builder().masters(1).replicas_per_master(0).start().await.unwrap();
    let text = connect_error(RedisStore::builder("shop").server(cluster.nodes()[0].url()).connect().await);
    assert!(text.contains("part of a cluster") && text.contains(".cluster("), "{text}");
}

#[tokio::test]
async fn what_the_first_of_a_clusters_servers_says_that_answers_is_said() {
    let (dead, server) = (Server::start().await.unwrap(), Server::start().await.unwrap());
    dead.kill().unwrap();
    let text =
        connect_error(RedisStore::builder("shop").cluster([dead.url(), server.url(), dead.url()]).connect().await);
    assert!(text.contains("not part of a cluster"), "{text}");
    let text = connect_error(RedisStore::builder("shop").cluster([dead.url(), dead.url()]).connect().await);
    assert!(text.contains("cannot be reached"), "{text}");
}

#[tokio::test]
async fn r66_a_server_that_may_lose_sessions_is_a_warning() {
    let careless = Server::builder().maxmemory(50_000_000, "allkeys-lru").start().await.unwrap();
    let store = RedisStore::connect(&address(&careless.url())).await.unwrap();
    assert!(store.warnings().contains(&Warning::Eviction("allkeys-lru".into())), "{:?}", store.warnings());
    assert!(store.warnings().contains(&Warning::NoPersistence), "{:?}", store.warnings());
    let careful = Server::builder().maxmemory(50_000_000, "noeviction").persist().start().await.unwrap();
    let store = RedisStore::connect(&address(&careful.url())).await.unwrap();
    assert_eq!(store.warnings(), []);
}

#[tokio::test]
async fn a_server_that_is_too_old_is_named_with_its_version_and_with_what_would_do() {
    let program = cloakroom_testbed::provided_program("redis-6.2.14/redis-server").unwrap();
    let server = Server::builder().program(program).start().await.unwrap();
    let text = connect_error(RedisStore::connect(&address(&server.url())).await);
    for part in ["6.2.14", "too old", "Redis 7.0", "Valkey 7.2"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn clocks_that_are_far_apart_are_a_warning_that_says_how_far() {
    let server = Server::builder().persist().start().await.unwrap();
    let hour = Duration::from_secs(3600);
    let now = SystemClock::new().now();
    let behind = Timestamp::from_millis(now.as_millis() - hour.as_millis() as u64);
    for wrong in [now.after(hour), behind] {
        let clock = ManualClock::starting_at(wrong);
        let store = RedisStore::builder("shop").server(server.url()).clock(clock).connect().await.unwrap();
        let [Warning::Clock(skew)] = store.warnings() else { panic!("{:?}", store.warnings()) };
        assert!(skew.abs_diff(hour) < Duration::from_secs(60), "{skew:?}");
        assert!(store.warnings()[0].to_string().contains("clock"));
    }
    let store = RedisStore::builder("shop").server(server.url()).connect().await.unwrap();
    assert_eq!(store.warnings(), [], "the server uses the machine's clock");
}

#[tokio::test]
async fn r64_two_namespaces_on_one_server_never_meet() {
    let deployment = Deployment::open().await;
    let shop = deployment.node().await;
    let other = RedisStore::builder("shop2").server(deployment.server.url()).connect().await.unwrap();
    let other = crate::support::recorded().store(other).build().unwrap();
    let alice = Visitor::default();
    shop.login(&alice, "alice").await.unwrap();
    shop.add(&alice).await.unwrap();
    let stranger = without_hint(&alice);
    let visit = stranger.enter(&other);
    assert!(!visit.exists().await.unwrap(), "a token of one namespace opens nothing in the other");
    visit.leave().await;
    assert!(other.of("alice").list().await.unwrap().is_empty());
    assert_eq!(other.of("alice").revoke_all().await.unwrap(), 0);
    assert_eq!(shop.count(&alice).await.unwrap(), Some(1));
}
