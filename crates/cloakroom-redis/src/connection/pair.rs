use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cloakroom::store::{Lease, Selector};
use redis::aio::MultiplexedConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, PushInfo, PushKind, RedisError, RedisResult, Value,
    cmd,
};
use tokio::sync::{Notify, oneshot, watch};

use super::lease::{Leases, after};
use super::own_writes::{OwnWrites, PendingWrite};
use super::probe_target::ProbeTarget;
use super::subscribers::Subscribers;
use super::{ConnectionSettings, timed};
use crate::namespace::Namespace;
use crate::scripts;
use crate::wire::changed;

/// One generation of the connections to a server: what is read over the tracked one, the server
/// reports changes of. When one of them breaks, another line takes over. Until then, nobody has heard of a
/// change since the last probe, as on a line that carries nothing without saying so; and as there, what was read
/// is served until the lease is over.
#[derive(Debug)]
pub(crate) struct ConnectionPair {
    /// For records: their copies are kept.
    tracked: MultiplexedConnection,
    /// For everything else, which would only fill the server's table of tracked keys.
    plain: MultiplexedConnection,
    address: ConnectionAddr,
    ear: Arc<PushListener>,
    /// Whether what is answered from now on may come from a server that was replaced meanwhile.
    given_up: watch::Sender<bool>,
}

/// What the connection's driver calls when the server pushes something.
#[derive(Debug)]
struct PushListener {
    namespace: Namespace,
    leases: Arc<Leases>,
    audience: Arc<Subscribers>,
    own_writes: OwnWrites,
    home: Arc<ProbeTarget>,
    slot: usize,
    /// The lease under which copies are read now; 0 before this line vouches for any, and after.
    lease: AtomicU64,
    broken: Notify,
}

impl ConnectionPair {
    /// Opens both connections, has the first one tracked, and teaches the server the scripts.
    pub(super) async fn open(
        client: &Client,
        slot: usize,
        home: Arc<ProbeTarget>,
        settings: &ConnectionSettings,
    ) -> RedisResult<Arc<Self>> {
        let ear = Arc::new(PushListener {
            namespace: settings.namespace.clone(),
            leases: Arc::clone(&settings.leases),
            audience: Arc::clone(&settings.audience),
            own_writes: OwnWrites::default(),
            home,
            slot,
            lease: AtomicU64::new(0),
            broken: Notify::new(),
        });
        let config = || {
            AsyncConnectionConfig::new()
                .set_connection_timeout(Some(settings.deadline))
                .set_response_timeout(None)
                // The default of 50 makes callers queue up for a place in the queue.
                .set_pipeline_buffer_size(1024)
        };
        let listener = Arc::clone(&ear);
        let hears = config().set_push_sender(move |push: PushInfo| -> Result<(), ()> {
            listener.on_push(push);
            Ok(())
        });
        // Without it a line that nobody probes would stay broken: a firewall may drop it for being quiet.
        let watcher = Arc::clone(&ear);
        let plain = config().set_push_sender(move |push: PushInfo| -> Result<(), ()> {
            if push.kind == PushKind::Disconnection {
                watcher.broken.notify_one();
            }
            Ok(())
        });
        let mut tracked = client.get_multiplexed_async_connection_with_config(&hears).await?;
        let plain = client.get_multiplexed_async_connection_with_config(&plain).await?;
        let mut track = cmd("CLIENT");
        track.arg("TRACKING").arg("ON");
        timed(settings.deadline, track.exec_async(&mut tracked)).await?;
        let address = client.get_connection_info().addr().clone();
        let line = Arc::new(Self { tracked, plain, address, ear, given_up: watch::Sender::new(false) });
        // In one go: over a slow link, one after the other would take longer than anybody waits.
        let loads: Vec<_> = scripts::all().iter().map(|script| script.load()).collect();
        for loaded in timed(settings.deadline, line.send_all(&loads, false)).await? {
            loaded?;
        }
        Ok(line)
    }

    /// The lease of what is read from now on.
    pub(crate) fn lease(&self) -> Lease {
        Lease::new(self.ear.lease.load(Ordering::Acquire))
    }

    /// Where its server is.
    pub(super) const fn address(&self) -> &ConnectionAddr {
        &self.address
    }

    /// Nobody waits for an answer over this line any more: a server that goes on after it was replaced would acknowledge
    /// what is lost.
    pub(super) fn close(&self) {
        self.given_up.send_replace(true);
    }

    /// The answer, unless the line is given up before it comes. Then it is not known whether the server has done it.
    async fn unless_closed<T>(&self, answer: impl Future<Output = RedisResult<T>>) -> RedisResult<T> {
        let mut given_up = self.given_up.subscribe();
        tokio::select! {
            biased;
            _ = given_up.wait_for(|is_given_up| *is_given_up) => {
                Err(RedisError::from((ErrorKind::Io, "the server was given up while it was asked")))
            }
            answer = answer => answer,
        }
    }

    /// Sends a command whose record this process may keep.
    pub(crate) async fn send_tracked(&self, command: &Cmd) -> RedisResult<Value> {
        self.unless_closed(command.query_async(&mut self.tracked.clone())).await
    }

    /// Sends a command that has nothing to do with copies.
    pub(crate) async fn send(&self, command: &Cmd) -> RedisResult<Value> {
        self.unless_closed(command.query_async(&mut self.plain.clone())).await
    }

    /// Whose record a key holds.
    pub(crate) fn tag_of(&self, key: &str) -> Option<Selector> {
        self.ear.namespace.tag_of(key.as_bytes())
    }

    /// A write of this record is about to be sent over this line.
    pub(crate) fn begin_write(&self, selector: Selector) -> RecordWrite<'_> {
        RecordWrite { ear: &self.ear, selector, writing: Some(self.ear.own_writes.begin(selector)), is_settled: false }
    }

    /// Sends commands in one go. Each has its own answer.
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

    /// Asks the server whether it is still the one to ask: over both connections, so that a server which closes those that
    /// say nothing for a while (`timeout`) closes neither.
    pub(super) async fn probe(&self, key: &str) -> RedisResult<Value> {
        // Keyed, because a server that lost its slots still answers what has no key. Over the tracked connection, as
        // what was reported before the answer has arrived before it.
        let mut exists = cmd("EXISTS");
        exists.arg(key);
        let role = cmd("ROLE");
        let (exists, role) = tokio::join!(self.send_tracked(&exists), self.send(&role));
        match exists? {
            // Nothing else is answered by a number: whatever comes instead is the answer to another question.
            Value::Int(_) => role,
            _ => Err(RedisError::from((ErrorKind::UnexpectedReturnType, "the server answers another question"))),
        }
    }

    /// From now on, copies of what is read over this line are kept; the server was alive when a question was
    /// sent at this instant. Copies that were read over another line in this place are not served any more.
    pub(super) fn begin_lease(&self, sent: Instant, settings: &ConnectionSettings) {
        let lease = self.ear.leases.fresh(self.ear.slot);
        self.ear.leases.begin(lease, after(sent, settings.lease));
        self.ear.lease.store(lease.number(), Ordering::Release);
    }

    /// The server was alive when a question was sent at this instant.
    pub(super) fn prolong(&self, sent: Instant, settings: &ConnectionSettings) {
        self.ear.leases.prolong(self.lease(), after(sent, settings.lease));
    }

    /// Resolves when one of the connections is gone.
    pub(super) async fn broken(&self) {
        self.ear.broken.notified().await;
    }

    /// What was read so far must be read again.
    pub(super) fn invalidate_all(&self) {
        self.ear.invalidate_all();
    }

    /// Nothing that was read over this line may be served any more. The answer resolves when all of it is gone.
    pub(super) fn end(&self) -> oneshot::Receiver<()> {
        self.ear.leases.end(Lease::new(self.ear.lease.swap(0, Ordering::AcqRel)));
        self.ear.audience.invalidate_all(self.ear.home.territory())
    }

    /// Ends what a line has left behind when its lease is over, and not before. Does nothing where it has left nothing.
    pub(super) async fn expire(&self) {
        if self.lease() == Lease::NONE {
            return;
        }
        while let Some(until) = self.ear.leases.until(self.lease()) {
            tokio::time::sleep_until(until.into()).await;
        }
        drop(self.end());
    }
}

/// A write of a record that is under way over a line.
pub(crate) struct RecordWrite<'a> {
    ear: &'a PushListener,
    selector: Selector,
    writing: Option<PendingWrite<'a>>,
    is_settled: bool,
}

impl RecordWrite<'_> {
    /// The reply is in, and says whether the record was changed. The copies stay if nobody else has changed it since.
    pub(crate) async fn settle(mut self, made: bool, patience: Duration) {
        if let Some(writing) = self.writing.take() {
            self.is_settled = writing.settle(made, patience).await;
        }
    }

    /// The record is gone: whoever has a copy ends it.
    pub(crate) fn end(mut self) {
        if let Some(writing) = self.writing.take() {
            writing.end();
        }
        self.is_settled = true;
    }
}

/// Also when nobody waits for the reply any more: what the record is now, nobody here knows.
impl Drop for RecordWrite<'_> {
    fn drop(&mut self) {
        if !self.is_settled {
            // First, so that no report of it is kept back after the copies are gone.
            drop(self.writing.take());
            self.ear.audience.invalidate(self.selector);
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

    /// Forgets what has changed. A message can do no more than that, whoever sent it.
    fn on_invalidate(&self, data: Vec<Value>) {
        // The server was flushed, or does not say what has changed.
        let Some(keys) = changed(data) else { return self.invalidate_all() };
        let selectors = keys.iter().filter_map(|key| self.namespace.tag_of(key));
        selectors
            .filter(|selector| self.own_writes.is_foreign(*selector))
            .for_each(|selector| self.audience.invalidate(selector));
    }

    /// A new lease on the same connection: a single step, however many copies the old one has.
    fn invalidate_all(&self) {
        let old = self.lease.load(Ordering::Acquire);
        let new = self.leases.fresh(self.slot);
        if old != 0 && self.lease.compare_exchange(old, new.number(), Ordering::AcqRel, Ordering::Acquire).is_ok() {
            self.leases.succeed(Lease::new(old), new);
        }
        self.audience.invalidate_all_later(self.home.territory());
    }
}
