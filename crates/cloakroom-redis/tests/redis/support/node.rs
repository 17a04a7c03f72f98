use std::collections::BTreeMap;

use cloakroom::store::{Selector, Store};
use cloakroom::{SessionError, Sessions};
use cloakroom_redis::RedisStore;
use cloakroom_testbed::{CommandCounts, Proxy};

use super::{Count, Note, Visitor, until};

/// One process of an application: its sessions, its store, and the proxy between the store and the
/// server.
pub(crate) struct Node {
    pub(crate) proxy: Proxy,
    pub(crate) store: RedisStore,
    pub(crate) sessions: Sessions,
}

/// Session operations, each as a request of its own.
impl Node {
    pub(crate) async fn add(&self, visitor: &Visitor) -> Result<u64, SessionError> {
        let visit = visitor.enter(&self.sessions);
        let count = |count: &mut Count| {
            count.0 += 1;
            count.0
        };
        let outcome = visit.update(count).await;
        visit.leave().await;
        outcome
    }

    pub(crate) async fn count(&self, visitor: &Visitor) -> Result<Option<u64>, SessionError> {
        let visit = visitor.enter(&self.sessions);
        let outcome = visit.get::<Count>().await;
        visit.leave().await;
        Ok(outcome?.map(|count| count.0))
    }

    pub(crate) async fn write(&self, visitor: &Visitor, text: &str) -> Result<(), SessionError> {
        let visit = visitor.enter(&self.sessions);
        let outcome = visit.set(Note(text.to_owned())).await;
        visit.leave().await;
        outcome
    }

    pub(crate) async fn note(&self, visitor: &Visitor) -> Result<Option<String>, SessionError> {
        let visit = visitor.enter(&self.sessions);
        let outcome = visit.get::<Note>().await;
        visit.leave().await;
        Ok(outcome?.map(|note| note.0.clone()))
    }

    pub(crate) async fn take_note(&self, visitor: &Visitor) -> Result<Option<String>, SessionError> {
        let visit = visitor.enter(&self.sessions);
        let outcome = visit.take::<Note>().await;
        visit.leave().await;
        Ok(outcome?.map(|note| note.0.clone()))
    }

    pub(crate) async fn clear(&self, visitor: &Visitor) -> Result<bool, SessionError> {
        let visit = visitor.enter(&self.sessions);
        let outcome = visit.clear().await;
        visit.leave().await;
        outcome
    }

    pub(crate) async fn login(&self, visitor: &Visitor, user: &str) -> Result<(), SessionError> {
        let visit = visitor.enter(&self.sessions);
        let outcome = visit.login(user).await;
        visit.leave().await;
        outcome
    }

    pub(crate) async fn whoami(&self, visitor: &Visitor) -> Result<Option<String>, SessionError> {
        let visit = visitor.enter(&self.sessions);
        let outcome = visit.principal().await;
        visit.leave().await;
        Ok(outcome?.map(|principal| principal.as_str().to_owned()))
    }

    pub(crate) async fn renew(&self, visitor: &Visitor) -> Result<(), SessionError> {
        let visit = visitor.enter(&self.sessions);
        let outcome = visit.renew().await;
        visit.leave().await;
        outcome
    }

    pub(crate) async fn destroy(&self, visitor: &Visitor) -> Result<(), SessionError> {
        let visit = visitor.enter(&self.sessions);
        let outcome = visit.destroy().await;
        visit.leave().await;
        outcome
    }
}

/// Observations of the traffic to the server.
impl Node {
    pub(crate) fn commands(&self) -> CommandCounts {
        self.proxy.commands()
    }

    /// The commands sent since `before`, except probes: each of them is an `EXISTS` and a `ROLE`.
    pub(crate) fn sent_since(&self, before: &CommandCounts) -> BTreeMap<String, u64> {
        let since = self.commands().since(before);
        let probes = since.of("role");
        let real = |(name, count): (&str, u64)| match name {
            "role" => None,
            "exists" => Some(("exists".to_owned(), count.saturating_sub(probes))),
            name => Some((name.to_owned(), count)),
        };
        since.iter().filter_map(real).filter(|(_, count)| *count > 0).collect()
    }

    /// Waits until the first probes are answered, so that later traffic from the server is caused
    /// by the test.
    pub(crate) async fn settle(&self) {
        until("the node has probed its connection", async || self.commands().of("role") >= 2).await;
        // The reply to this command comes after those of the probes.
        self.store.load(Selector::from_bytes([0; 16])).await.expect("the server answers");
    }

    /// Waits until the node has sent this command once more than `before`.
    pub(crate) async fn wait_for_command(&self, command: &str, before: &CommandCounts) {
        until("the command is sent", async || self.commands().of(command) > before.of(command)).await;
    }

    /// Waits until the server has sent more than `before` bytes to this node, delivered or not.
    pub(crate) async fn wait_for_more_than(&self, before: u64) {
        until("the server sends more", async || self.bytes_received() > before).await;
    }

    /// The number of bytes that the server has sent to this node.
    pub(crate) fn bytes_received(&self) -> u64 {
        self.proxy.traffic().to_client.read
    }
}

/// A client of the same session without a version hint, so that only the server's invalidation can
/// tell a node that its copy is outdated.
pub(crate) fn without_hint(visitor: &Visitor) -> Visitor {
    let cookie = visitor.cookie().expect("the client has a session");
    Visitor::with_cookie(cookie.split('.').next().map(str::to_owned))
}

/// The selector of a client's token, as it is written in the record's key.
pub(crate) fn selector_of(visitor: &Visitor) -> String {
    let cookie = visitor.cookie().expect("the client has a session");
    let (_, token) = cookie.split_once('=').expect("a cookie has a name");
    let digit = |byte: u8| {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        alphabet.iter().position(|letter| *letter == byte).expect("base64url") as u32
    };
    // A token with a MAC begins with the number of its key.
    let skipped = if [66, 79].contains(&token.len()) { 8 } else { 0 };
    let bits: Vec<u32> = token.bytes().take(24).map(digit).collect();
    let bit = |n: usize| (bits[(skipped + n) / 6] >> (5 - (skipped + n) % 6)) & 1;
    (0..32).map(|digit| (0..4).fold(0, |value, n| value << 1 | bit(4 * digit + n))).map(|n| format!("{n:x}")).collect()
}
