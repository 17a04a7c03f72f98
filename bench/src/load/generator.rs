use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::Result;
use crate::fixtures::CookieJar;
use crate::measure::Latencies;

use super::connection::{Connection, Reply, request_bytes, request_head};
use super::schedule::Schedule;
use super::{LoadConfig, LoadResult, Pace, UpdateAudit, WholeSessions, Workload};

const OK: u16 = 200;

/// The clients and the sessions that they share.
pub(super) struct Generator {
    clients: Vec<Client>,
    sessions: Rc<RefCell<Vec<Session>>>,
}

/// A session as its browser knows it.
#[derive(Clone, Debug)]
struct Session {
    cookies: CookieJar,
    acknowledged_updates: u64,
}

/// A client with a connection to every node. It has one request in flight.
struct Client {
    nodes: Vec<Connection>,
    random: fastrand::Rng,
    sessions: Rc<RefCell<Vec<Session>>>,
    latencies: Latencies,
    failed: u64,
}

impl Generator {
    pub(super) async fn connect(config: LoadConfig) -> Result<Self> {
        let sessions = Rc::new(RefCell::new(Vec::with_capacity(config.sessions)));
        let mut clients = Vec::with_capacity(config.clients);
        for index in 0..config.clients.max(1) {
            let mut nodes = Vec::with_capacity(config.nodes.len());
            for node in &config.nodes {
                nodes.push(Connection::open(*node).await?);
            }
            let random = fastrand::Rng::with_seed(config.seed.wrapping_add(index as u64));
            let (sessions, latencies) = (Rc::clone(&sessions), Latencies::new()?);
            clients.push(Client { nodes, random, sessions, latencies, failed: 0 });
        }
        for _ in 0..config.sessions {
            let cookies = clients[0].start_session().await?;
            sessions.borrow_mut().push(Session { cookies, acknowledged_updates: 0 });
        }
        Ok(Self { clients, sessions })
    }

    pub(super) async fn run(&mut self, workload: &Workload, pace: Pace, time: Duration) -> Result<LoadResult> {
        let clients = if matches!(pace, Pace::OneAtATime) { 1 } else { self.clients.len() };
        let began = Instant::now();
        let end = began + time;
        let run = |client: Client| {
            let workload = workload.clone();
            async move {
                match pace {
                    Pace::ClosedLoop | Pace::OneAtATime => client.run_closed_loop(&workload, end).await,
                    Pace::PerSecond(rate) => client.run_at_rate(&workload, f64::from(rate) / clients as f64, end).await,
                }
            }
        };
        self.run_clients(clients, began, run).await
    }

    pub(super) async fn run_sessions(&mut self, sessions: &WholeSessions) -> Result<LoadResult> {
        let heads: Rc<Vec<String>> = Rc::new(sessions.lines.iter().map(|line| request_head(line)).collect());
        let left = Rc::new(Cell::new(sessions.count));
        let run = |client: Client| client.run_sessions(Rc::clone(&heads), Rc::clone(&left));
        self.run_clients(self.clients.len(), Instant::now(), run).await
    }

    /// Runs this many clients at the same time and adds up their results.
    async fn run_clients<F>(&mut self, count: usize, began: Instant, run: impl Fn(Client) -> F) -> Result<LoadResult>
    where
        F: Future<Output = Result<Client>> + 'static,
    {
        let local = LocalSet::new();
        let tasks: Vec<_> = self.clients.drain(..count).map(|client| local.spawn_local(run(client))).collect();
        local.await;
        let took = began.elapsed();
        let (mut latencies, mut failed) = (Latencies::new()?, 0);
        for task in tasks {
            let mut client = task.await??;
            latencies.add(&client.latencies)?;
            failed += client.failed;
            (client.latencies, client.failed) = (Latencies::new()?, 0);
            self.clients.push(client);
        }
        Ok(LoadResult::new(&latencies, failed, took))
    }

    /// Reads the counter of every session on every node.
    pub(super) async fn audit_updates(&mut self) -> Result<UpdateAudit> {
        let (mut audit, head) = (UpdateAudit::default(), request_head("GET /count"));
        let client = &mut self.clients[0];
        let sessions = self.sessions.borrow().clone();
        for Session { cookies, acknowledged_updates } in sessions {
            let mut counters = Vec::with_capacity(client.nodes.len());
            for node in &mut client.nodes {
                // A node without the counter has none of the updates.
                let reply = node.exchange(&request_bytes(&head, cookies.header())).await?;
                counters.push(reply.number.unwrap_or(0));
            }
            let highest = counters.iter().copied().max().unwrap_or(0);
            audit.acknowledged += acknowledged_updates;
            audit.lost += acknowledged_updates.saturating_sub(highest);
            audit.unacknowledged += highest.saturating_sub(acknowledged_updates);
            audit.stale += counters.iter().filter(|counter| **counter != highest).count() as u64;
        }
        Ok(audit)
    }

    pub(super) async fn read_number(&mut self, line: &str) -> Result<u64> {
        let reply = self.clients[0].nodes[0].exchange(&request_bytes(&request_head(line), "")).await?;
        reply.number.ok_or_else(|| format!("{line}: status {}", reply.status).into())
    }
}

impl Client {
    /// Starts a session and returns its cookies.
    async fn start_session(&mut self) -> Result<CookieJar> {
        let reply = self.send(&request_bytes(&request_head("POST /start"), "")).await?;
        if reply.status != OK {
            return Err(format!("a session could not be started: status {}", reply.status).into());
        }
        let mut cookies = CookieJar::default();
        reply.set_cookies.iter().for_each(|set| cookies.apply(set));
        Ok(cookies)
    }

    async fn run_closed_loop(mut self, workload: &Workload, end: Instant) -> Result<Self> {
        let (head, mut began) = (request_head(&workload.line), Instant::now());
        while began < end {
            self.send_once(workload, &head).await?;
            let ended = Instant::now();
            self.latencies.record(ended - began);
            began = ended;
        }
        Ok(self)
    }

    async fn run_at_rate(mut self, workload: &Workload, per_second: f64, end: Instant) -> Result<Self> {
        let head = request_head(&workload.line);
        let mut schedule = Schedule::new(per_second, self.random.fork())?;
        while let Some(due) = schedule.next(end).await? {
            self.send_once(workload, &head).await?;
            self.latencies.record(due.elapsed());
        }
        Ok(self)
    }

    /// Runs one whole session after the other until none is left.
    async fn run_sessions(mut self, heads: Rc<Vec<String>>, left: Rc<Cell<usize>>) -> Result<Self> {
        while let Some(rest) = left.get().checked_sub(1) {
            left.set(rest);
            let began = Instant::now();
            let mut cookies = self.start_session().await?;
            for head in heads.iter() {
                let reply = self.send(&request_bytes(head, cookies.header())).await?;
                self.failed += u64::from(reply.status != OK);
                reply.set_cookies.iter().for_each(|set| cookies.apply(set));
            }
            self.latencies.record(began.elapsed());
        }
        Ok(self)
    }

    /// Sends one request of the workload, checks the response and keeps its cookies.
    async fn send_once(&mut self, workload: &Workload, head: &str) -> Result<()> {
        let index = if workload.one_session { 0 } else { self.random.usize(..self.sessions.borrow().len()) };
        let bytes = request_bytes(head, self.sessions.borrow()[index].cookies.header());
        let reply = self.send(&bytes).await?;
        let is_expected = match workload.expected {
            Some(expected) => reply.number == Some(expected),
            None => reply.number > Some(0),
        };
        if reply.status != OK || !is_expected {
            self.failed += 1;
            return Ok(());
        }
        let session = &mut self.sessions.borrow_mut()[index];
        session.acknowledged_updates += u64::from(workload.is_update);
        reply.set_cookies.iter().for_each(|set| session.cookies.apply(set));
        Ok(())
    }

    /// Sends a request to a random node.
    async fn send(&mut self, request: &[u8]) -> Result<Reply> {
        let node = self.random.usize(..self.nodes.len());
        self.nodes[node].exchange(request).await
    }
}
