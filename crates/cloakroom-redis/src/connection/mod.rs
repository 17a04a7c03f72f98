//! The connection to one server, kept up while the `Connection` exists.

mod backoff;
mod endpoint;
mod own_writes;
mod pair;
mod probe_target;
mod sentinels;
mod server_time;
mod subscribers;
mod supervisor;
mod tracking_table;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom::store::Leases;
use redis::{ErrorKind, RedisError, RedisResult};
use tokio::sync::watch;

use crate::keyspace::Keyspace;

pub(crate) use backoff::Backoff;
pub(crate) use endpoint::Endpoint;
pub(crate) use pair::ConnectionPair;
pub(crate) use probe_target::{Coverage, ProbeTarget};
pub(crate) use sentinels::NO_MASTER_UP;
pub(crate) use server_time::ServerTime;
pub(crate) use subscribers::Subscribers;
pub(crate) use tracking_table::{TableFill, TrackingTable, parse, requests};

/// Maximum number of connections with a valid lease at the same time: one per master of a cluster.
pub(crate) const LEASE_SLOTS: usize = 1024;

/// Settings and state that all connections of a store share.
#[derive(Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) keyspace: Keyspace,
    /// Maximum wait for any reply.
    pub(crate) deadline: Duration,
    /// How long copies are served without a sign of life from the server.
    pub(crate) lease: Duration,
    /// Whether servers on other machines may be contacted without encryption, regardless of the
    /// source of the address.
    pub(crate) plaintext: bool,
    pub(crate) leases: Arc<Leases>,
    pub(crate) subscribers: Arc<Subscribers>,
    pub(crate) server_time: ServerTime,
    pub(crate) table: TrackingTable,
}

/// The connection to one server, established or not.
pub(crate) struct Connection {
    state: watch::Receiver<ConnectionState>,
    supervisor: tokio::task::AbortHandle,
    leases: Arc<Leases>,
    slot: usize,
}

/// The server's state as seen by the supervisor.
#[derive(Clone, Debug)]
pub(crate) enum ConnectionState {
    /// The supervisor is connecting, and may succeed in a moment.
    Connecting,
    /// Connected.
    Up(Arc<ConnectionPair>),
    /// The server could not be reached. Requests fail at once while the supervisor keeps trying.
    Down(Arc<RedisError>),
}

impl Connection {
    /// Starts to connect. `slot` is the lease slot of this connection; no other connection may use
    /// it.
    pub(crate) fn start(
        endpoint: Endpoint,
        slot: usize,
        probe_target: Arc<ProbeTarget>,
        settings: Arc<ConnectionSettings>,
    ) -> Self {
        let (sender, state) = watch::channel(ConnectionState::Connecting);
        let leases = Arc::clone(&settings.leases);
        let supervisor = supervisor::Supervisor { endpoint, slot, probe_target, settings };
        let supervisor = tokio::spawn(supervisor::supervise(supervisor, sender)).abort_handle();
        Self { state, supervisor, leases, slot }
    }

    /// Ends the lease of this connection immediately, without waiting for the supervisor, and never
    /// connects again.
    pub(crate) fn give_up(&self) {
        self.leases.release(self.slot);
        self.supervisor.abort();
    }

    /// Returns `true` if changes that the server reports arrive.
    pub(crate) fn has_lease(&self) -> bool {
        self.leases.is_held(self.slot)
    }

    /// The connection pair. Waits while it is being established.
    pub(crate) async fn pair(&self, deadline: Duration) -> Result<Arc<ConnectionPair>, Arc<RedisError>> {
        if let ConnectionState::Up(pair) = &*self.state.borrow() {
            return Ok(Arc::clone(pair));
        }
        Box::pin(self.settled(deadline)).await
    }

    async fn settled(&self, deadline: Duration) -> Result<Arc<ConnectionPair>, Arc<RedisError>> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| !matches!(state, ConnectionState::Connecting));
        let settled = match tokio::time::timeout(deadline, settled).await {
            Ok(Ok(settled)) => settled.clone(),
            Ok(Err(_)) => return Err(Arc::new(timeout_error("connection task stopped"))),
            Err(_) => return Err(Arc::new(timeout_error("no connection within the deadline"))),
        };
        match settled {
            ConnectionState::Up(pair) => Ok(pair),
            ConnectionState::Down(error) => Err(error),
            ConnectionState::Connecting => Err(Arc::new(timeout_error("no connection"))),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

/// Awaits a reply for at most `deadline`.
pub(crate) async fn timed<T>(deadline: Duration, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    tokio::time::timeout(deadline, answer).await.unwrap_or_else(|_| Err(timeout_error("no reply within the deadline")))
}

fn timeout_error(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, what))
}
