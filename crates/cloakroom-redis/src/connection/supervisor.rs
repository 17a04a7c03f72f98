//! Supervises a connection: connects, probes, detects a failure, and connects again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::watch;

use super::backoff::Backoff;
use super::pair::ConnectionPair;
use super::{ConnectionSettings, ConnectionState, Endpoint, ProbeTarget, timed, tracking_table};

/// The server to supervise, and the settings.
pub(super) struct Supervisor {
    pub(super) endpoint: Endpoint,
    pub(super) slot: usize,
    pub(super) probe_target: Arc<ProbeTarget>,
    pub(super) settings: Arc<ConnectionSettings>,
}

pub(super) async fn supervise(supervisor: Supervisor, state: watch::Sender<ConnectionState>) {
    let mut backoff = Backoff::default();
    let mut last = LastConnection(None);
    loop {
        let attempt = Box::pin(timed(supervisor.settings.deadline * 3, supervisor.connect()));
        match last.while_expiring(attempt).await {
            Ok((pair, sent)) => {
                backoff.reset();
                supervisor.take_over(&pair, &mut last, sent, &state).await;
                let why = tokio::select! {
                    why = supervisor.probe_loop(&pair) => why,
                    () = supervisor.endpoint.replaced(pair.address(), supervisor.settings.lease) => CloseReason::Disowned(not_the_master()),
                    never = tracking_table::watch(&pair, &supervisor.settings) => match never {},
                };
                pair.close();
                // A request that arrives now waits a moment instead of failing: most interruptions
                // are short.
                state.send_replace(ConnectionState::Connecting);
                if let CloseReason::Disowned(_) = why {
                    drop(pair.end());
                }
                tracing::warn!(reason = %why.error(), "the connection to the session store broke; reconnecting");
            }
            Err(error) => {
                tracing::warn!(%error, "the session store cannot be reached; retrying");
                state.send_replace(ConnectionState::Down(Arc::new(error)));
                last.while_expiring(tokio::time::sleep(backoff.next())).await;
            }
        }
    }
}

/// The newest connection pair, which may be broken. Copies read over it are served no longer than
/// this value lives.
struct LastConnection(Option<Arc<ConnectionPair>>);

impl LastConnection {
    /// Runs `work` while there is no connection, and drops the copies of the last pair when its
    /// lease is over.
    async fn while_expiring<T>(&self, work: impl Future<Output = T>) -> T {
        let lapse = async {
            if let Some(pair) = &self.0 {
                pair.expire().await;
            }
            std::future::pending().await
        };
        tokio::select! {
            outcome = work => outcome,
            outcome = lapse => outcome,
        }
    }
}

/// Also runs when the supervisor is aborted.
impl Drop for LastConnection {
    fn drop(&mut self) {
        if let Some(pair) = &self.0 {
            drop(pair.end());
        }
    }
}

/// Why a connection pair was closed.
enum CloseReason {
    /// The connection broke, or the server does not answer. Copies stay valid until the lease is
    /// over.
    Lost(RedisError),
    /// The server reports that it is not the one to use, or not at present. Copies are dropped at
    /// once.
    Disowned(RedisError),
}

impl CloseReason {
    fn of(error: RedisError) -> Self {
        match error.kind() {
            ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::AuthenticationFailed => Self::Disowned(error),
            _ => Self::Lost(error),
        }
    }

    const fn error(&self) -> &RedisError {
        let (Self::Lost(error) | Self::Disowned(error)) = self;
        error
    }
}

impl Supervisor {
    /// Opens a connection pair. Also returns when its first probe was sent.
    async fn connect(&self) -> RedisResult<(Arc<ConnectionPair>, Instant)> {
        let Self { endpoint, slot, probe_target, settings } = self;
        let client = timed(settings.deadline, endpoint.client()).await?;
        let pair = ConnectionPair::open(&client, *slot, Arc::clone(probe_target), settings).await?;
        let sent = Instant::now();
        match timed(settings.deadline, pair.probe(&probe_target.key())).await {
            Ok(role) => is_master(&role).then_some((pair, sent)).ok_or_else(not_the_master),
            // The probe loop reports the redirection, and then another key is probed.
            Err(error) if is_redirection(&error) => Ok((pair, sent)),
            Err(error) => Err(error),
        }
    }

    /// Publishes the new pair, and drops the copies that were read over the last one.
    async fn take_over(
        &self,
        pair: &Arc<ConnectionPair>,
        last: &mut LastConnection,
        sent: Instant,
        state: &watch::Sender<ConnectionState>,
    ) {
        let forgotten = last.0.replace(Arc::clone(pair)).map(|before| before.end());
        if forgotten.is_none() {
            pair.begin_lease(sent, &self.settings);
        }
        state.send_replace(ConnectionState::Up(Arc::clone(pair)));
        if let Some(forgotten) = forgotten {
            // A write based on an old copy must find that copy gone, or it would be kept as if it
            // were new.
            let _ = forgotten.await;
            pair.begin_lease(sent, &self.settings);
        }
    }

    /// Prolongs the lease with probes until one fails.
    async fn probe_loop(&self, pair: &ConnectionPair) -> CloseReason {
        let Self { probe_target, settings, .. } = self;
        // Four probes per lease, so that one slow reply costs nothing.
        let mut rhythm = tokio::time::interval(settings.lease / 4);
        rhythm.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = pair.broken() => return CloseReason::Lost(closed()),
                _ = rhythm.tick() => {}
            }
            let key = probe_target.key();
            let sent = Instant::now();
            let answer = tokio::select! {
                () = pair.broken() => return CloseReason::Lost(closed()),
                answer = timed(probe_timeout(settings), pair.probe(&key)) => answer,
            };
            match answer {
                Ok(role) if is_master(&role) => {
                    pair.prolong(sent, settings);
                    self.read_server_time(pair).await;
                }
                Ok(_) => return CloseReason::Disowned(not_the_master()),
                // Slots moved to another server, so records in them may have changed there.
                Err(error) if is_redirection(&error) => {
                    pair.invalidate_all();
                    probe_target.lost();
                }
                Err(error) => return CloseReason::of(error),
            }
        }
    }
}

impl Supervisor {
    /// Every minute, because a clock may be set, or a machine suspended, at any time.
    async fn read_server_time(&self, pair: &ConnectionPair) {
        let ConnectionSettings { server_time, deadline, .. } = &*self.settings;
        if !server_time.is_old() {
            return;
        }
        let sent = Instant::now();
        if let Ok(answer) = timed(*deadline, pair.send(&redis::cmd("TIME"))).await {
            server_time.note(answer, sent);
        }
    }
}

/// Maximum wait for the reply to a probe, after which the connection is replaced.
fn probe_timeout(settings: &ConnectionSettings) -> Duration {
    settings.lease.max(settings.deadline)
}

pub(super) fn is_master(role: &Value) -> bool {
    let Value::Array(items) = role else { return false };
    matches!(items.first(), Some(Value::BulkString(role)) if role == b"master")
}

fn closed() -> RedisError {
    RedisError::from((ErrorKind::Io, "the connection was closed"))
}

fn not_the_master() -> RedisError {
    RedisError::from((ErrorKind::Server(ServerErrorKind::ReadOnly), "the server is no longer the master"))
}

fn is_redirection(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask))
}
