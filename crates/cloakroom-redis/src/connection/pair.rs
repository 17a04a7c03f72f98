use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cloakroom::store::{Lease, Leases, Selector};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, PushInfo, PushKind, RedisError, RedisResult, Value,
    cmd,
};
use tokio::sync::{Notify, oneshot, watch};

use super::own_writes::{OwnWrites, PendingWrite};
use super::probe_target::ProbeTarget;
use super::subscribers::Subscribers;
use super::{ConnectionSettings, timed};
use crate::keyspace::Keyspace;
use crate::scripts;
use crate::wire::changed;

/// One generation of the connections to a server. The server reports changes of what was read over
/// the tracked connection. When a connection breaks, a new pair replaces this one. Until then no
/// change since the last probe is known, as with a connection that is dead without having been
/// closed; in both cases, copies are served until the lease is over.
#[derive(Debug)]
pub(crate) struct ConnectionPair {
    /// For records, of which copies are kept.
    tracked: MultiplexedConnection,
    /// For everything else, which would only fill the server's table of tracked keys.
    plain: MultiplexedConnection,
    address: ConnectionAddr,
    listener: Arc<PushListener>,
    /// Set when replies may come from a server that has been replaced.
    closed: watch::Sender<bool>,
}

/// Handles the messages that the server pushes. Called by the connection's driver.
#[derive(Debug)]
struct PushListener {
    keyspace: Keyspace,
    leases: Arc<Leases>,
    subscribers: Arc<Subscribers>,
    own_writes: OwnWrites,
    probe_target: Arc<ProbeTarget>,
    slot: usize,
    /// The lease for copies that are read now; 0 before this pair has one, and after its end.
    lease: AtomicU64,
    broken: Notify,
}

/// Returns the options of the tracked connection and of the plain one, which report to the listener.
fn configs(listener: &Arc<PushListener>, deadline: Duration) -> (AsyncConnectionConfig, AsyncConnectionConfig) {
    let config = || {
        AsyncConnectionConfig::new()
            .set_connection_timeout(Some(deadline))
            .set_response_timeout(None)
            // With the default of 50, callers queue up for a place in the queue.
            .set_pipeline_buffer_size(1024)
    };
    let receiver = Arc::clone(listener);
    let tracked = config().set_push_sender(move |push: PushInfo| -> Result<(), ()> {
        receiver.on_push(push);
        Ok(())
    });
    // Without this, a plain connection that carries no requests would stay broken: a firewall may
    // drop it for being idle.
    let watcher = Arc::clone(listener);
    let plain = config().set_push_sender(move |push: PushInfo| -> Result<(), ()> {
        if push.kind == PushKind::Disconnection {
            watcher.broken.notify_one();
        }
        Ok(())
    });
    (tracked, plain)
}

impl ConnectionPair {
    /// Opens both connections, enables tracking on the first one, and loads the scripts.
    pub(super) async fn open(
        client: &Client,
        slot: usize,
        probe_target: Arc<ProbeTarget>,
        settings: &ConnectionSettings,
    ) -> RedisResult<Arc<Self>> {
        let listener = Arc::new(PushListener {
            keyspace: settings.keyspace.clone(),
            leases: Arc::clone(&settings.leases),
            subscribers: Arc::clone(&settings.subscribers),
            own_writes: OwnWrites::default(),
            probe_target,
            slot,
            lease: AtomicU64::new(0),
            broken: Notify::new(),
        });
        let (tracked, plain) = configs(&listener, settings.deadline);
        let mut tracked = client.get_multiplexed_async_connection_with_config(&tracked).await?;
        let plain = client.get_multiplexed_async_connection_with_config(&plain).await?;
        let mut track = cmd("CLIENT");
        track.arg("TRACKING").arg("ON");
        timed(settings.deadline, track.exec_async(&mut tracked)).await?;
        let address = client.get_connection_info().addr().clone();
        let pair = Arc::new(Self { tracked, plain, address, listener, closed: watch::Sender::new(false) });
        // In one pipeline: over a slow network, one after the other would exceed the deadline.
        let loads: Vec<_> = scripts::all().iter().map(|script| script.load()).collect();
        for loaded in timed(settings.deadline, pair.send_all(&loads, false)).await? {
            loaded?;
        }
        Ok(pair)
    }

    /// The lease for records that are read from now on.
    pub(crate) fn lease(&self) -> Lease {
        Lease::new(self.listener.lease.load(Ordering::Acquire))
    }

    /// The server's address.
    pub(super) const fn address(&self) -> &ConnectionAddr {
        &self.address
    }

    /// Makes pending and future requests fail: a server that continues after it was replaced would
    /// acknowledge writes that are lost.
    pub(super) fn close(&self) {
        self.closed.send_replace(true);
    }

    /// Awaits the reply unless the pair is closed first. In that case it is unknown whether the
    /// server executed the command.
    async fn unless_closed<T>(&self, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
        let mut closed = self.closed.subscribe();
        tokio::select! {
            biased;
            _ = closed.wait_for(|is_given_up| *is_given_up) => {
                Err(RedisError::from((ErrorKind::Io, "the connection was given up before the reply")))
            }
            answer = answer => answer,
        }
    }

    /// Sends a command whose reply this process may keep as a copy.
    pub(crate) async fn send_tracked(&self, command: &Cmd) -> RedisResult<Value> {
        self.unless_closed(command.query_async(&mut self.tracked.clone())).await
    }

    /// Sends a command that does not concern copies.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.unless_closed(command.query_async(&mut self.plain.clone())).await
    }

    /// The selector of the session whose record is stored under `key`.
    pub(crate) fn tag_of(&self, key: &str) -> Option<Selector> {
        self.listener.keyspace.selector_of(key.as_bytes())
    }

    /// Registers a write of this record that is about to be sent over this pair.
    pub(crate) fn begin_write(&self, selector: Selector) -> RecordWrite<'_> {
        RecordWrite {
            listener: &self.listener,
            selector,
            writing: Some(self.listener.own_writes.begin(selector)),
            is_settled: false,
        }
    }

    /// Sends commands in one pipeline. Each has its own reply.
    pub(crate) async fn send_all(&self, commands: &[Cmd], tracked: bool) -> RedisResult<Vec<RedisResult<Value>>> {
        let mut pipeline = redis::Pipeline::with_capacity(commands.len());
        for command in commands {
            pipeline.add_command(command.clone());
        }
        let mut connection = if tracked { self.tracked.clone() } else { self.plain.clone() };
        let answers = connection.send_packed_commands(&pipeline, 0, commands.len());
        let answers = self.unless_closed(answers).await?;
        Ok(answers.into_iter().map(Value::extract_error).collect())
    }

    /// Checks that the server still owns the key, and returns the server's role. Uses both
    /// connections, so that a server that closes idle ones (`timeout`) closes neither.
    pub(super) async fn probe(&self, key: &str) -> RedisResult<Value> {
        // With a key, because a server that lost its slots still answers commands without one. Over
        // the tracked connection, because everything that was reported before the reply has then
        // arrived before it.
        let mut exists = cmd("EXISTS");
        exists.arg(key);
        let role = cmd("ROLE");
        let (exists, role) = tokio::join!(self.send_tracked(&exists), self.send(&role));
        match exists? {
            // The reply to EXISTS is a number; anything else is the reply to another request.
            Value::Int(_) => role,
            _ => Err(RedisError::from((ErrorKind::UnexpectedReturnType, "the server replied to another request"))),
        }
    }

    /// Starts the lease of this pair, so that copies of what is read over it are kept. `sent` is
    /// when a request was sent that the server answered. Ends the lease of any other pair in this
    /// slot.
    pub(super) fn begin_lease(&self, sent: Instant, settings: &ConnectionSettings) {
        let lease = self.listener.leases.fresh(self.listener.slot);
        self.listener.leases.begin(lease, sent + settings.lease);
        self.listener.lease.store(lease.number(), Ordering::Release);
    }

    /// Prolongs the lease. `sent` is when a request was sent that the server answered.
    pub(super) fn prolong(&self, sent: Instant, settings: &ConnectionSettings) {
        self.listener.leases.prolong(self.lease(), sent + settings.lease);
    }

    /// Resolves when one of the connections is broken.
    pub(super) async fn broken(&self) {
        self.listener.broken.notified().await;
    }

    /// Invalidates everything that was read so far.
    pub(super) fn invalidate_all(&self) {
        self.listener.invalidate_all();
    }

    /// Ends the lease of this pair. The receiver resolves when all its copies are dropped.
    pub(super) fn end(&self) -> oneshot::Receiver<()> {
        self.listener.leases.end(Lease::new(self.listener.lease.swap(0, Ordering::AcqRel)));
        self.listener.subscribers.invalidate_all(self.listener.probe_target.coverage())
    }

    /// Waits until the lease is over, then drops the copies. Does nothing if there is no lease.
    pub(super) async fn expire(&self) {
        if self.lease() == Lease::NONE {
            return;
        }
        while let Some(until) = self.listener.leases.until(self.lease()) {
            tokio::time::sleep_until(until.into()).await;
        }
        drop(self.end());
    }
}

/// A pending write of a record over a connection pair.
pub(crate) struct RecordWrite<'a> {
    listener: &'a PushListener,
    selector: Selector,
    writing: Option<PendingWrite<'a>>,
    is_settled: bool,
}

impl RecordWrite<'_> {
    /// Settles the write after its reply; `made` is `true` if the record was changed. Copies are
    /// kept unless a foreign change was reported meanwhile.
    pub(crate) async fn settle(mut self, made: bool, patience: Duration) {
        if let Some(writing) = self.writing.take() {
            self.is_settled = writing.settle(made, patience).await;
        }
    }

    /// Settles the write of a record that is gone. Holders of a copy end it.
    pub(crate) fn end(mut self) {
        if let Some(writing) = self.writing.take() {
            writing.end();
        }
        self.is_settled = true;
    }
}

/// Also runs when the caller stopped waiting for the reply: then the state of the record is
/// unknown.
impl Drop for RecordWrite<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            // First, so that no report is held back after the copies are dropped.
            drop(self.writing.take());
            self.listener.subscribers.invalidate(self.selector);
        }
    }
}

impl PushListener {
    fn on_push(&self, push: PushInfo) {
        match push.kind {
            PushKind::Invalidate => self.on_invalidate(push.data),
            PushKind::Disconnection => self.broken.notify_one(),
            _ => {}
        }
    }

    /// Invalidates the records that have changed, and reports the indexes. A message can do no more
    /// than that, even a forged one.
    fn on_invalidate(&self, data: Vec<Value>) {
        // The server was flushed, or does not report what has changed.
        let Some(keys) = changed(data) else { return self.invalidate_all() };
        for key in keys {
            if let Some(selector) = self.keyspace.selector_of(&key) {
                if self.own_writes.is_foreign(selector) {
                    self.subscribers.invalidate(selector);
                }
            } else if let Some(principal) = self.keyspace.principal_of(&key) {
                self.subscribers.members_changed(&principal);
            }
        }
    }

    /// Starts a new lease on the same connection: a single step, however many copies depend on the
    /// old one.
    fn invalidate_all(&self) {
        let old = self.lease.load(Ordering::Acquire);
        let new = self.leases.fresh(self.slot);
        if old != 0 && self.lease.compare_exchange(old, new.number(), Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.leases.succeed(Lease::new(old), new);
        }
        self.subscribers.invalidate_all_later(self.probe_target.coverage());
    }
}
