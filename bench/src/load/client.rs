use std::cell::RefCell;
use std::rc::Rc;
use std::time::{Duration, Instant};

use tokio::task::LocalSet;

use crate::Failure;
use crate::measure::Latencies;
use crate::world::Jar;

use super::connection::{Connection, Reply};
use super::pace::Schedule;
use super::visitor::{Visitor, head, request};
use super::{Books, Driven, Pace, Setting, What, Whose, driven};

const OK: u16 = 200;

/// All clients, and the sessions that they are.
pub(super) struct Crowd {
    pub(super) clients: Vec<Client>,
    visitors: Rc<RefCell<Vec<Visitor>>>,
}

/// One that waits for its answer before it asks again. It has a connection to every node.
pub(super) struct Client {
    nodes: Vec<Connection>,
    random: fastrand::Rng,
    visitors: Rc<RefCell<Vec<Visitor>>>,
    pub(super) latencies: Latencies,
    pub(super) failed: u64,
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
            let jar = clients[0].start().await?;
            visitors.borrow_mut().push(Visitor { jar, acknowledged: 0 });
        }
        Ok(Self { clients, visitors })
    }

    /// Every client asks for this long.
    pub(super) async fn drive(&mut self, what: &What, pace: Pace, time: Duration) -> Result<Driven, Failure> {
        let (began, share) = (Instant::now(), self.clients.len());
        let until = began + time;
        self.all(began, |client| {
            let what = what.clone();
            async move {
                match pace {
                    Pace::Saturate => client.ask(&what, until).await,
                    Pace::PerSecond(rate) => client.keep_pace(&what, f64::from(rate) / share as f64, until).await,
                }
            }
        })
        .await
    }

    /// Has all clients work at the same time, and adds up what they noted.
    pub(super) async fn all<F>(&mut self, began: Instant, work: impl Fn(Client) -> F) -> Result<Driven, Failure>
    where
        F: Future<Output = Result<Client, Failure>> + 'static,
    {
        let local = LocalSet::new();
        let tasks: Vec<_> = self.clients.drain(..).map(|client| local.spawn_local(work(client))).collect();
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
        let (mut books, head) = (Books::default(), head("GET /count"));
        let client = &mut self.clients[0];
        let visitors = self.visitors.borrow().clone();
        for Visitor { jar, acknowledged } in visitors {
            let mut answers = Vec::with_capacity(client.nodes.len());
            for node in &mut client.nodes {
                // A node that does not find the counter finds nothing of what was acknowledged.
                answers.push(node.exchange(&request(&head, jar.line())).await?.number.unwrap_or(0));
            }
            let highest = answers.iter().copied().max().unwrap_or(0);
            books.acknowledged += acknowledged;
            books.lost += acknowledged.saturating_sub(highest);
            books.unasked += highest.saturating_sub(acknowledged);
            books.stale += answers.iter().filter(|answer| **answer != highest).count() as u64;
        }
        Ok(books)
    }

    pub(super) async fn number(&mut self, line: &str) -> Result<u64, Failure> {
        let reply = self.clients[0].nodes[0].exchange(&request(&head(line), "")).await?;
        reply.number.ok_or_else(|| format!("{line}: status {}", reply.status).into())
    }

    pub(super) fn cookies(&self) -> Vec<String> {
        self.visitors.borrow().iter().map(|visitor| visitor.jar.line().to_owned()).collect()
    }
}

impl Client {
    /// A new session, as its browser knows it.
    pub(super) async fn start(&mut self) -> Result<Jar, Failure> {
        let reply = self.send_to_any(&request(&head("POST /start"), "")).await?;
        if reply.status != OK {
            return Err(format!("a session could not be started: status {}", reply.status).into());
        }
        let mut jar = Jar::default();
        reply.cookies.iter().for_each(|set| jar.keep(set));
        Ok(jar)
    }

    async fn ask(mut self, what: &What, until: Instant) -> Result<Self, Failure> {
        let (head, mut began) = (head(&what.line), Instant::now());
        while began < until {
            self.ask_once(what, &head).await?;
            let ended = Instant::now();
            self.latencies.record(ended - began);
            began = ended;
        }
        Ok(self)
    }

    async fn keep_pace(mut self, what: &What, per_second: f64, until: Instant) -> Result<Self, Failure> {
        let head = head(&what.line);
        let mut schedule = Schedule::new(per_second, self.random.fork())?;
        while let Some(due) = schedule.next(until).await? {
            self.ask_once(what, &head).await?;
            self.latencies.record(due.elapsed());
        }
        Ok(self)
    }

    async fn ask_once(&mut self, what: &What, head: &str) -> Result<(), Failure> {
        let index = match what.whose {
            Whose::One => 0,
            Whose::Any => self.random.usize(..self.visitors.borrow().len()),
        };
        let bytes = request(head, self.visitors.borrow()[index].jar.line());
        let reply = self.send_to_any(&bytes).await?;
        let right = what.answer.map_or(reply.number > Some(0), |answer| reply.number == Some(answer));
        if reply.status != OK || !right {
            self.failed += 1;
            return Ok(());
        }
        let visitor = &mut self.visitors.borrow_mut()[index];
        visitor.acknowledged += u64::from(what.counts);
        reply.cookies.iter().for_each(|set| visitor.jar.keep(set));
        Ok(())
    }

    pub(super) async fn send_to_any(&mut self, request: &[u8]) -> Result<Reply, Failure> {
        let node = self.random.usize(..self.nodes.len());
        self.nodes[node].exchange(request).await
    }
}
