//! One client connection through the proxy.

use super::{Shared, copy::copy};
use std::{
    net::SocketAddr,
    sync::{Arc, atomic::Ordering::Relaxed},
    time::Duration,
};
use tokio::{net::TcpStream, time::timeout};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Both sockets of a connection; each sends a reset if dropped before a clean end.
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
        // Without lingering, closing sends a reset at once, like a crashed peer or a firewall.
        let _best_effort = self.client.set_zero_linger();
        if let Some(server) = &self.server {
            let _best_effort = server.set_zero_linger();
        }
    }
}

/// Counts a connection as open until it is dropped.
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
        copy(from_client, to_server, &shared.to_server),
        copy(from_server, to_client, &shared.to_client)
    );
    pair.ended_cleanly = outcome.is_ok();
}

async fn connect(target: SocketAddr) -> Option<TcpStream> {
    timeout(CONNECT_LIMIT, TcpStream::connect(target)).await.ok()?.ok()
}
