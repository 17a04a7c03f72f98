//! One client's connection through the proxy.

use super::{Shared, copy::pump};
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Both sockets of a connection; dropped before a clean end, each sends a reset.
struct Pair {
    client: TcpStream,
    server: Option<TcpStream>,
    ended_cleanly: bool,
}

impl Drop for Pair {
    fn drop(&mut self) {
        if self.ended_cleanly {
            return;
        }
        // Without lingering a close is a reset, at once: what a crashed peer or a firewall does.
        let _best_effort = self.client.set_zero_linger();
        if let Some(server) = &self.server {
            let _best_effort = server.set_zero_linger();
        }
    }
}

/// Counts a connection as open for as long as it lives, however it ends.
pub(super) struct Open(Arc<Shared>);

impl Open {
    pub(super) fn count(shared: &Arc<Shared>) -> Self {
        shared.accepted.fetch_add(1, Relaxed);
        shared.open.fetch_add(1, Relaxed);
        Self(Arc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

pub(super) async fn serve(client: TcpStream, open: Open) {
    let shared = &open.0;
    let mut pair = Pair { client, server: None, ended_cleanly: false };
    let Some(server) = connect(shared.target).await else { return };
    let server = pair.server.insert(server);
    let _best_effort = (pair.client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = pair.client.split();
    let (from_server, to_server) = server.split();
    let outcome = tokio::try_join!(
        pump(from_client, to_server, &shared.to_server),
        pump(from_server, to_client, &shared.to_client)
    );
    pair.ended_cleanly = outcome.is_ok();
}

async fn connect(target: SocketAddr) -> Option<TcpStream> {
    timeout(CONNECT_LIMIT, TcpStream::connect(target)).await.ok()?.ok()
}
