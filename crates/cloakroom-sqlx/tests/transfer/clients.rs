use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use cloakroom::SessionValue;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::deployment::Deployment;
use super::visitor::Visitor;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Count(u64);

impl SessionValue for Count {
    const KEY: &'static str = "count";
}

/// Clients that work until they are stopped.
pub(crate) struct Clients {
    running: Vec<JoinHandle<Client>>,
    stop: Arc<AtomicBool>,
}

/// One client, its sessions and what it was told about them.
struct Client {
    name: String,
    deployment: Deployment,
    choices: fastrand::Rng,
    visitor: Visitor,
    is_logged_in: bool,
    counted: u64,
    requests: u64,
    /// Cookies of sessions that the client has ended.
    ended: Vec<String>,
}

impl Clients {
    pub(crate) fn start(count: usize, deployment: &Deployment) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let start = |number: usize| {
            let (deployment, stop) = (deployment.clone(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut client = Client::new(number, deployment);
                while !stop.load(Relaxed) {
                    client.step().await;
                }
                client
            })
        };
        Self { running: (0..count).map(start).collect(), stop }
    }

    pub(crate) async fn stop_and_check(self, deployment: &Deployment) {
        self.stop.store(true, Relaxed);
        let mut requests = 0;
        for client in self.running {
            let client = client.await.expect("every reply was as it must be");
            client.check_ended(deployment).await;
            requests += client.requests;
        }
        assert!(requests > 1000, "the clients made only {requests} requests");
    }
}

impl Client {
    fn new(number: usize, deployment: Deployment) -> Self {
        Self {
            name: format!("client-{number}"),
            deployment,
            choices: fastrand::Rng::with_seed(number as u64),
            visitor: Visitor::default(),
            is_logged_in: false,
            counted: 0,
            requests: 0,
            ended: Vec::new(),
        }
    }

    /// Sends one request to one of the nodes.
    async fn step(&mut self) {
        self.requests += 1;
        match self.choices.u32(..100) {
            0..55 => self.count().await,
            55..96 => self.read().await,
            96..98 if self.is_logged_in => self.log_out().await,
            _ if !self.is_logged_in => self.log_in().await,
            _ => self.read().await,
        }
    }

    async fn count(&mut self) {
        let visit = self.visitor.enter(&self.deployment.any(&mut self.choices));
        let counted = visit.update(|count: &mut Count| {
            count.0 += 1;
            count.0
        });
        let counted = counted.await.unwrap_or_else(|error| panic!("{}: {error:?}", self.name));
        visit.leave().await;
        self.counted += 1;
        assert_eq!(counted, self.counted, "{}", self.name);
    }

    async fn read(&mut self) {
        let visit = self.visitor.enter(&self.deployment.any(&mut self.choices));
        let count = visit.get::<Count>().await.expect("the stores run");
        let principal = visit.principal().await.expect("the stores run");
        visit.leave().await;
        assert_eq!(count.map_or(0, |count| count.0), self.counted, "{}", self.name);
        assert_eq!(principal.is_some(), self.is_logged_in, "{}", self.name);
    }

    async fn log_in(&mut self) {
        let visit = self.visitor.enter(&self.deployment.any(&mut self.choices));
        visit.login(cloakroom::Login::new(self.name.as_str()).keep::<Count>()).await.expect("the stores run");
        visit.leave().await;
        self.is_logged_in = true;
    }

    async fn log_out(&mut self) {
        let visit = self.visitor.enter(&self.deployment.any(&mut self.choices));
        self.ended.extend(self.visitor.cookie());
        visit.destroy().await.expect("the stores run");
        visit.leave().await;
        (self.is_logged_in, self.counted) = (false, 0);
    }

    /// Checks that the sessions which this client has ended are over, and that exactly its live one
    /// is listed.
    async fn check_ended(&self, deployment: &Deployment) {
        for sessions in deployment.all() {
            for cookie in &self.ended {
                let visit = Visitor::with_cookie(Some(cookie.clone())).enter(&sessions);
                assert_eq!(visit.principal().await.expect("the stores run"), None, "{}", self.name);
            }
            let listed = sessions.of(self.name.as_str()).list().await.expect("the stores run");
            assert_eq!(listed.len(), usize::from(self.is_logged_in), "{}", self.name);
        }
    }
}
