use crate::wire::Wire;
use cloakroom_testbed::{Cluster, Direction, Error, Handover, Server};
use std::net::Ipv4Addr;

async fn role(server: &Server) -> String {
    server.info("replication").await.unwrap()["role"].clone()
}

#[tokio::test]
async fn a_slot_on_the_move_answers_ask_and_then_moved() {
    let cluster = Cluster::start(3, 0).await.unwrap();
    assert_eq!(cluster.urls().len(), 3);
    let slot = cluster.slot_of("{k}1").await.unwrap();
    let from = cluster.node_of(slot).await.unwrap();
    let to = cluster.nodes().iter().find(|node| node.port() != from.port()).unwrap();
    let (mut old, mut new) = (Wire::open(from.address()).await, Wire::open(to.address()).await);
    old.ask("SET {k}1 v\r\n", "+OK\r\n").await;
    old.ask("SET {k}2 v\r\n", "+OK\r\n").await;
    new.ask("GET {k}1\r\n", &format!("-MOVED {slot} 127.0.0.1:{}\r\n", from.port())).await;

    let moving = cluster.begin_move(slot, to).await.unwrap();
    assert_eq!((moving.from().port(), moving.to().port()), (from.port(), to.port()));
    old.ask("GET {k}1\r\n", "$1\r\nv\r\n").await;
    assert_eq!(moving.migrate(1).await.unwrap(), 1);
    let mut answers = Vec::new();
    for key in ["{k}1", "{k}2"] {
        old.send(&format!("GET {key}\r\n")).await;
        let answer = old.line().await;
        if answer == "$1" {
            old.expect("v\r\n").await;
        }
        answers.push(answer);
    }
    answers.sort();
    assert_eq!(answers, ["$1".to_owned(), format!("-ASK {slot} 127.0.0.1:{}", to.port())]);
    assert_eq!(moving.migrate(10).await.unwrap(), 1);
    assert_eq!(moving.migrate(10).await.unwrap(), 0);
    moving.finish().await.unwrap();

    old.ask("GET {k}1\r\n", &format!("-MOVED {slot} 127.0.0.1:{}\r\n", to.port())).await;
    new.ask("GET {k}1\r\n", "$1\r\nv\r\n").await;
    cluster.move_slot(slot, from).await.unwrap();
    old.ask("GET {k}1\r\n", "$1\r\nv\r\n").await;
}

#[tokio::test]
async fn clients_of_another_loopback_address_stay_behind_its_proxies() {
    let hostless = "cluster-preferred-endpoint-type unknown-endpoint";
    let cluster = Cluster::builder().replicas_per_master(0).config(hostless).start().await.unwrap();
    let host = Ipv4Addr::new(127, 0, 0, 8);
    let proxies = cluster.proxies(host).await.unwrap();
    let slot = cluster.slot_of("k").await.unwrap();
    let owner = cluster.node_of(slot).await.unwrap();
    let at = |port| proxies.iter().find(|proxy| proxy.port() == port).unwrap();
    let elsewhere = proxies.iter().find(|proxy| proxy.port() != owner.port()).unwrap();
    assert_eq!(elsewhere.url(), format!("redis://{host}:{}/", elsewhere.port()));
    let mut redirected = Wire::open(elsewhere.address()).await;
    redirected.ask("GET k\r\n", &format!("-MOVED {slot} :{}\r\n", owner.port())).await;

    let mut client = Wire::open(at(owner.port()).address()).await;
    client.ask("SET k v\r\n", "+OK\r\n").await;
    at(owner.port()).hold(Direction::ToClient);
    client.send("GET k\r\n").await;
    owner.text(&["GET", "k"]).await.unwrap();
    at(owner.port()).release(Direction::ToClient);
    client.expect("$1\r\nv\r\n").await;
    assert!(cluster.proxies(host).await.is_err(), "the ports are in use");
}

#[tokio::test]
async fn a_replica_takes_the_place_of_a_killed_master() {
    let cluster = Cluster::builder().password("pass").start().await.unwrap();
    let slot = cluster.slot_of("k").await.unwrap();
    let old = cluster.node_of(slot).await.unwrap();
    old.command(&["SET", "k", "v"]).await.unwrap();
    old.command(&["WAIT", "1", "2000"]).await.unwrap();
    let new = cluster.failover(slot).await.unwrap();
    assert_ne!(new.port(), old.port());
    assert!(!old.is_running());
    assert_eq!(new.text(&["GET", "k"]).await.unwrap(), "v");
    let error = cluster.failover(slot).await.unwrap_err();
    assert!(matches!(&error, Error::Unexpected(text) if text.contains("no living replica")), "{error}");

    old.restart().await.unwrap();
    cluster.wait_for_agreement().await.unwrap();
    assert_eq!(role(new).await, "master");
    assert_eq!(role(old).await, "slave");
}

#[tokio::test]
async fn a_master_that_lives_is_replaced_in_both_ways() {
    let cluster = Cluster::start(3, 1).await.unwrap();
    for how in [Handover::Coordinated, Handover::Takeover] {
        let old = cluster.node_of(7).await.unwrap();
        let new = cluster.hand_over(7, how).await.unwrap();
        assert_ne!(new.port(), old.port(), "{how:?}");
        assert!(old.is_running());
        assert_eq!((role(new).await.as_str(), role(old).await.as_str()), ("master", "slave"), "{how:?}");
    }
}

#[tokio::test]
async fn a_replica_that_fell_behind_takes_over_without_what_it_lacks() {
    let cluster = Cluster::builder().node_timeout(std::time::Duration::from_secs(1)).start().await.unwrap();
    let slot = cluster.slot_of("{k}").await.unwrap();
    let (old, new) = (cluster.node_of(slot).await.unwrap(), cluster.replica_of(slot).await.unwrap());
    assert!(cluster.slots_of_owner(slot).await.unwrap().iter().any(|(first, last)| (*first..=*last).contains(&slot)));
    old.command(&["SET", "{k}", "before"]).await.unwrap();
    new.fall_behind(old).await.unwrap();
    old.command(&["SET", "{k}", "lost"]).await.unwrap();
    assert_eq!(cluster.failover(slot).await.unwrap().port(), new.port());
    assert_eq!(new.text(&["GET", "{k}"]).await.unwrap(), "before");

    new.catch_up().await.unwrap();
    old.restart().await.unwrap();
    cluster.wait_for_agreement().await.unwrap();
    old.fall_behind(new).await.unwrap();
    old.catch_up().await.unwrap();
    cluster.wait_for_agreement().await.unwrap();
}

#[tokio::test]
async fn a_cluster_without_masters_is_refused() {
    let error = Cluster::start(0, 1).await.unwrap_err();
    assert!(matches!(error, Error::Setting { field: "masters", .. }), "{error}");
}
