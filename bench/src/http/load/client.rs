use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::Failure;
use crate::measure::Latencies;

use super::connection::{Connection, Reply};
use super::jar::{Question, Visitor, request};
use super::{Books, Driven, Setting, What, driven};

const OK: u16 = 200;
/// What every cart holds.
const ITEMS: Option<u64> = Some(5);

/// All clients, and the sessions that they are.
pub(super) struct Crowd {
    clients: Vec<Client>,
    visitors: Rc<RefCell<Vec<Visitor>>>,
}

/// One that waits for its answer before it asks again. It has a connection to every node.
struct Client {
    nodes: Vec<Connection>,
    random: fastrand::Rng,
    visitors: Rc<RefCell<Vec<Visitor>>>,
    latencies: Latencies,
    failed: u64,
}

impl Crowd {
    pub(super) async fn gather(setting: Setting) -> Result<Self, Failure> {
        let visitors = Rc::new(RefCell::new(Vec::with_capacity(setting.sessions)));
        let mut clients = Vec::with_capacity(setting.clients);
        for index in 0..setting.clients.max(1) {
            let mut nodes = Vec::with_capacity(setting.nodes.len());
            for node in &setting.nodes {
                nodes.push(Connection::open(*node).await?);
            }
            let random = fastrand::Rng::with_seed(setting.seed.wrapping_add(index as u64));
            let (visitors, latencies) = (Rc::clone(&visitors), Latencies::new()?);
            clients.push(Client { nodes, random, visitors, latencies, failed: 0 });
        }
        for _ in 0..setting.sessions {
            let reply = clients[0].send_to_any(&request("POST /start", "")).await?;
            if reply.status != OK || reply.number != ITEMS {
                return Err(format!("a session could not be started: status {}", reply.status).into());
            }
            visitors.borrow_mut().push(Visitor::new(reply.cookie));
        }
        Ok(Self { clients, visitors })
    }

    /// Every client asks for this long.
    pub(super) async fn drive(&mut self, what: What, time: Duration) -> Result<Driven, Failure> {
        let (local, began) = (LocalSet::new(), Instant::now());
        let tasks: Vec<_> =
            self.clients.drain(..).map(|client| local.spawn_local(client.ask(what, began + time))).collect();
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
        Ok(driven(&latencies, failed, took))
    }

    /// Asks every node for the counter of every session.
    pub(super) async fn count(&mut self) -> Result<Books, Failure> {
        let mut books = Books::default();
        let client = &mut self.clients[0];
        let sessions = self.visitors.borrow().len();
        for index in 0..sessions {
            let (question, acknowledged) = {
                let visitor = &self.visitors.borrow()[index];
                (visitor.question(Question::Count).to_vec(), visitor.acknowledged)
            };
            let mut answers = Vec::with_capacity(client.nodes.len());
            for node in &mut client.nodes {
                // A node that does not find the counter finds nothing of what was acknowledged.
                answers.push(node.exchange(&question).await?.number.unwrap_or(0));
            }
            let highest = answers.iter().copied().max().unwrap_or(0);
            books.acknowledged += acknowledged;
            books.lost += acknowledged.saturating_sub(highest);
            books.unasked += highest.saturating_sub(acknowledged);
            books.stale += answers.iter().filter(|answer| **answer != highest).count() as u64;
        }
        Ok(books)
    }
}

impl Client {
    async fn ask(mut self, what: What, until: Instant) -> Result<Self, Failure> {
        let mut began = Instant::now();
        while began < until {
            let index = match what {
                What::ReadOne => 0,
                What::Read | What::Update => self.random.usize(..self.visitors.borrow().len()),
            };
            let question = if what == What::Update { Question::Add } else { Question::Cart };
            let bytes = self.visitors.borrow()[index].question(question).to_vec();
            let reply = self.send_to_any(&bytes).await?;
            let ended = Instant::now();
            self.latencies.record(ended - began);
            self.enter(index, question, reply);
            began = ended;
        }
        Ok(self)
    }

    async fn send_to_any(&mut self, request: &[u8]) -> Result<Reply, Failure> {
        let node = self.random.usize(..self.nodes.len());
        self.nodes[node].exchange(request).await
    }

    fn enter(&mut self, index: usize, question: Question, reply: Reply) {
        let right = match question {
            Question::Cart => reply.number == ITEMS,
            Question::Add | Question::Count => reply.number.is_some_and(|number| number > 0),
        };
        if reply.status != OK || !right {
            self.failed += 1;
            return;
        }
        let visitor = &mut self.visitors.borrow_mut()[index];
        visitor.acknowledged += u64::from(matches!(question, Question::Add));
        visitor.keep(reply.cookie);
    }
}
