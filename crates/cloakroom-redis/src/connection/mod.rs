//! The connection to one server, kept up for as long as the link lives.

mod backoff;
mod endpoint;
mod lease;
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

use redis::{ErrorKind, RedisError, RedisResult};
use tokio::sync::watch;

use crate::namespace::Namespace;

pub(crate) use backoff::Backoff;
pub(crate) use endpoint::Endpoint;
pub(crate) use lease::Leases;
pub(crate) use pair::ConnectionPair;
pub(crate) use probe_target::{Coverage, ProbeTarget};
pub(crate) use sentinels::NO_MASTER_UP;
pub(crate) use server_time::ServerTime;
pub(crate) use subscribers::Subscribers;
pub(crate) use tracking_table::{TableFill, TrackingTable, parse, requests};

/// What all links of a store share.
#[derive(Debug)]
pub(crate) struct ConnectionSettings {
    pub(crate) namespace: Namespace,
    /// How long any answer is waited for.
    pub(crate) deadline: Duration,
    /// How long copies are served without a sign of life of the server.
    pub(crate) lease: Duration,
    /// Whether a server on another machine may be talked to in the clear, whoever named it.
    pub(crate) plaintext: bool,
    pub(crate) leases: Arc<Leases>,
    pub(crate) audience: Arc<Subscribers>,
    pub(crate) server_time: ServerTime,
    pub(crate) table: TrackingTable,
}

/// A server, connected or not.
pub(crate) struct Connection {
    state: watch::Receiver<ConnectionState>,
    keeper: tokio::task::AbortHandle,
    leases: Arc<Leases>,
    slot: usize,
}

/// What the keeper knows of the server.
#[derive(Clone, Debug)]
pub(crate) enum ConnectionState {
    /// It is being connected to, and may be there in a moment.
    Connecting,
    /// It is there.
    Up(Arc<ConnectionPair>),
    /// It could not be reached; whoever asks hears so at once, and the keeper goes on trying.
    Down(Arc<RedisError>),
}

impl Connection {
    /// Begins to connect. `slot` is where the leases of this link stand; no other link may have it.
    pub(crate) fn start(
        origin: Endpoint,
        slot: usize,
        home: Arc<ProbeTarget>,
        settings: Arc<ConnectionSettings>,
    ) -> Self {
        let (sender, state) = watch::channel(ConnectionState::Connecting);
        let leases = Arc::clone(&settings.leases);
        let post = supervisor::Supervisor { origin, slot, home, settings };
        let keeper = tokio::spawn(supervisor::supervise(post, sender)).abort_handle();
        Self { state, keeper, leases, slot }
    }

    /// Ends what was read over this link, now and not when its keeper gets to it, and never connects again.
    pub(crate) fn give_up(&self) {
        self.leases.release(self.slot);
        self.keeper.abort();
    }

    /// The line, waited for while it is being connected.
    pub(crate) async fn pair(&self, deadline: Duration) -> Result<Arc<ConnectionPair>, Arc<RedisError>> {
        if let ConnectionState::Up(line) = &*self.state.borrow() {
            return Ok(Arc::clone(line));
        }
        Box::pin(self.settled(deadline)).await
    }

    async fn settled(&self, deadline: Duration) -> Result<Arc<ConnectionPair>, Arc<RedisError>> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| !matches!(state, ConnectionState::Connecting));
        let settled = match tokio::time::timeout(deadline, settled).await {
            Ok(Ok(settled)) => settled.clone(),
            Ok(Err(_)) => return Err(Arc::new(timeout_error("the connection's keeper is gone"))),
            Err(_) => return Err(Arc::new(timeout_error("no connection within the deadline"))),
        };
        match settled {
            ConnectionState::Up(line) => Ok(line),
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
        f.debug_struct("Link").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

/// The answer, unless it takes longer than the deadline.
pub(crate) async fn timed<T>(deadline: Duration, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    tokio::time::timeout(deadline, answer).await.unwrap_or_else(|_| Err(timeout_error("no answer within the deadline")))
}

fn timeout_error(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, what))
}
