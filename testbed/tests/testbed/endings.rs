//! Nothing outlives the value or the process that started it.

use crate::wire::is_listening;
use cloakroom_testbed::{Cluster, Proxy, Server, until};
use std::{
    env,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

const LIMIT: Duration = Duration::from_secs(20);

/// Set for the copy of this test program that will be killed.
#[cfg(target_os = "linux")]
const ROLE: &str = "CLOAKROOM_TESTBED_TO_BE_KILLED";

async fn until_gone(address: SocketAddr) {
    until("the port is closed", LIMIT, || async {
        match is_listening(address).await {
            false => Ok(()),
            true => Err(cloakroom_testbed::Error::Unexpected(format!("{address} still answers"))),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_dropped_server_is_gone_with_its_directory() {
    let server = Server::start().await.unwrap();
    let directory = server.command(&["CONFIG", "GET", "dir"]).await.unwrap();
    let directory: Vec<String> = redis::from_redis_value(directory).unwrap();
    assert!(std::fs::exists(&directory[1]).unwrap());
    server.freeze().await.unwrap();
    let address = server.address();
    drop(server);
    assert!(!is_listening(address).await);
    assert!(!std::fs::exists(&directory[1]).unwrap());
}

#[tokio::test]
async fn a_dropped_proxy_closes_its_port_and_its_connections() {
    let server = Server::start().await.unwrap();
    let proxy = Proxy::start(server.address()).await.unwrap();
    let mut wire = crate::wire::Wire::open(proxy.address()).await;
    wire.ask("PING\r\n", "+PONG\r\n").await;
    let address = proxy.address();
    drop(proxy);
    assert_eq!(wire.end().await, Some(std::io::ErrorKind::ConnectionReset));
    until_gone(address).await;
}

#[tokio::test]
async fn a_dropped_cluster_is_gone() {
    let cluster = Cluster::start(1, 0).await.unwrap();
    let address = cluster.nodes()[0].address();
    drop(cluster);
    assert!(!is_listening(address).await);
}

/// Servers belong to the process: one must survive the thread that started it.
#[tokio::test]
async fn a_server_outlives_the_thread_that_started_it() {
    let thread = std::thread::spawn(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(Server::start()).unwrap()
    });
    let server = thread.join().unwrap();
    server.command(&["PING"]).await.unwrap();
    assert!(server.is_running());
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn servers_end_with_a_process_that_is_killed() {
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};

    if env::var_os(ROLE).is_some() {
        let server = Server::start().await.unwrap();
        println!("port {}", server.port());
        return std::future::pending().await;
    }
    let name = "endings::servers_end_with_a_process_that_is_killed";
    let mut copy = Command::new(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture"])
        .env(ROLE, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(copy.stdout.take().unwrap()).lines().map_while(Result::ok);
    let port = lines.filter_map(|line| Some(line.split_once("port ")?.1.trim().parse().unwrap())).next();
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port.expect("the copy prints its server's port")));
    assert!(is_listening(address).await);
    copy.kill().unwrap();
    copy.wait().unwrap();
    until_gone(address).await;
}
