//! The example as a site, in memory or on two nodes.

use axum::Router;
use cloakroom::{CookieConfig, SessionLayer, Sessions};
use cloakroom_openid_connect::{Accounts, HttpClient, Provider, ResponseMode, Settings, routes};
use cloakroom_testkit::{ManualClock, MemoryStore};

use crate::browser::Browser;
use crate::provider::{CLIENT_ID, CLIENT_SECRET, REDIRECT_URI, TestProvider};
use crate::recording::recorded;

pub(crate) struct Site {
    pub(crate) clock: ManualClock,
    pub(crate) provider: TestProvider,
    /// The nodes. In memory, the same one twice.
    pub(crate) nodes: [Router; 2],
    pub(crate) sessions: Sessions,
}

impl Site {
    pub(crate) async fn in_memory(mode: ResponseMode) -> Self {
        let clock = ManualClock::new();
        let provider = TestProvider::start().await;
        let sessions = recorded().clock(clock.clone()).build().unwrap();
        let node = node(&provider, &sessions, mode, &Accounts::default()).await;
        Self { clock, provider, nodes: [node.clone(), node], sessions }
    }

    pub(crate) async fn on_two_nodes(mode: ResponseMode) -> Self {
        let clock = ManualClock::new();
        let (provider, store) = (TestProvider::start().await, MemoryStore::with_clock(clock.clone()));
        let sessions = || recorded().clock(clock.clone()).store(store.node()).build().unwrap();
        let (first, second, accounts) = (sessions(), sessions(), Accounts::default());
        let nodes = [node(&provider, &first, mode, &accounts).await, node(&provider, &second, mode, &accounts).await];
        Self { clock, provider, nodes, sessions: first }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.nodes[0], &self.provider.router())
    }

    /// The number of sessions in which the user of the provider is signed in.
    pub(crate) async fn signed_in(&self) -> usize {
        self.sessions.of(format!("{} 248289761001", self.provider.issuer())).count().await.unwrap()
    }
}

async fn node(
    provider: &TestProvider,
    sessions: &Sessions,
    response_mode: ResponseMode,
    accounts: &Accounts,
) -> Router {
    let settings = Settings {
        issuer: provider.issuer().to_owned(),
        client_id: CLIENT_ID.to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        redirect_uri: REDIRECT_URI.to_owned(),
        response_mode,
    };
    let provider = Provider::discover(settings, HttpClient::new().unwrap()).await.unwrap();
    let layer = SessionLayer::new(sessions.clone()).cookie(CookieConfig::insecure_for_localhost());
    routes(provider, accounts.clone()).unwrap().layer(layer)
}
