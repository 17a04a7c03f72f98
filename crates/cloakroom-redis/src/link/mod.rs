//! The connection to one server, kept up for as long as the link lives.

mod audience;
mod backoff;
mod home;
mod keeper;
mod lease;
mod line;
mod origin;
mod own_writes;
mod sentinels;
mod server_time;
mod table;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use redis::{ErrorKind, RedisError, RedisResult};
use tokio::sync::watch;

use crate::namespace::Namespace;

pub(crate) use audience::Audience;
pub(crate) use backoff::Backoff;
pub(crate) use home::{Home, Territory};
pub(crate) use lease::Leases;
pub(crate) use line::Line;
pub(crate) use origin::Origin;
pub(crate) use sentinels::NO_MASTER_UP;
pub(crate) use server_time::ServerTime;
pub(crate) use table::{Filling, TrackingTable, filling, questions};

/// What all links of a store share.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) namespace: Namespace,
    /// How long any answer is waited for.
    pub(crate) deadline: Duration,
    /// How long copies are served without a sign of life of the server.
    pub(crate) lease: Duration,
    /// Whether a server on another machine may be talked to in the clear, whoever named it.
    pub(crate) plaintext: bool,
    pub(crate) leases: Arc<Leases>,
    pub(crate) audience: Arc<Audience>,
    pub(crate) server_time: ServerTime,
    pub(crate) table: TrackingTable,
}

/// A server, connected or not.
pub(crate) struct Link {
    state: watch::Receiver<State>,
    keeper: tokio::task::AbortHandle,
    leases: Arc<Leases>,
    slot: usize,
}

/// What the keeper knows of the server.
#[derive(Clone, Debug)]
pub(crate) enum State {
    /// It is being connected to, and may be there in a moment.
    Connecting,
    /// It is there.
    Up(Arc<Line>),
    /// It could not be reached; whoever asks hears so at once, and the keeper goes on trying.
    Down(Arc<RedisError>),
}

impl Link {
    /// Begins to connect. `slot` is where the leases of this link stand; no other link may have it.
    pub(crate) fn start(origin: Origin, slot: usize, home: Arc<Home>, settings: Arc<Settings>) -> Self {
        let (sender, state) = watch::channel(State::Connecting);
        let leases = Arc::clone(&settings.leases);
        let post = keeper::Post { origin, slot, home, settings };
        let keeper = tokio::spawn(keeper::keep(post, sender)).abort_handle();
        Self { state, keeper, leases, slot }
    }

    /// Ends what was read over this link, now and not when its keeper gets to it, and never connects again.
    pub(crate) fn give_up(&self) {
        self.leases.vacate(self.slot);
        self.keeper.abort();
    }

    /// The line, waited for while it is being connected.
    pub(crate) async fn line(&self, deadline: Duration) -> Result<Arc<Line>, Arc<RedisError>> {
        if let State::Up(line) = &*self.state.borrow() {
            return Ok(Arc::clone(line));
        }
        Box::pin(self.settled(deadline)).await
    }

    async fn settled(&self, deadline: Duration) -> Result<Arc<Line>, Arc<RedisError>> {
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| !matches!(state, State::Connecting));
        let settled = match tokio::time::timeout(deadline, settled).await {
            Ok(Ok(settled)) => settled.clone(),
            Ok(Err(_)) => return Err(Arc::new(late("the connection's keeper is gone"))),
            Err(_) => return Err(Arc::new(late("no connection within the deadline"))),
        };
        match settled {
            State::Up(line) => Ok(line),
            State::Down(error) => Err(error),
            State::Connecting => Err(Arc::new(late("no connection"))),
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.give_up();
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

/// The answer, unless it takes longer than the deadline.
pub(crate) async fn timed<T>(deadline: Duration, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
    tokio::time::timeout(deadline, answer).await.unwrap_or_else(|_| Err(late("no answer within the deadline")))
}

fn late(what: &'static str) -> RedisError {
    RedisError::from((ErrorKind::Io, what))
}
