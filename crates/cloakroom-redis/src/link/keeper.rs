//! Keeps a link up: connects, probes, notices the end, connects again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::watch;

use super::backoff::Backoff;
use super::line::Line;
use super::{Home, Origin, Settings, State, timed};

/// What a keeper has to know of its server.
pub(super) struct Post {
    pub(super) origin: Origin,
    pub(super) slot: usize,
    pub(super) home: Arc<Home>,
    pub(super) settings: Arc<Settings>,
}

pub(super) async fn keep(post: Post, state: watch::Sender<State>) {
    let mut backoff = Backoff::default();
    loop {
        match timed(post.settings.deadline * 3, post.connect()).await {
            Ok(line) => {
                backoff.reset();
                // Ended also when this task is aborted.
                let held = Held(Arc::clone(&line));
                state.send_replace(State::Up(line));
                let why = post.watch_over(&held.0).await;
                // Whoever comes now waits a moment instead of failing: most interruptions are short.
                state.send_replace(State::Connecting);
                drop(held);
                tracing::warn!(reason = %why, "the connection to the session store broke; connecting again");
            }
            Err(error) => {
                tracing::warn!(%error, "the session store cannot be reached; trying again");
                state.send_replace(State::Down(Arc::new(error)));
                tokio::time::sleep(backoff.next()).await;
            }
        }
    }
}

impl Post {
    async fn connect(&self) -> RedisResult<Arc<Line>> {
        let Self { origin, slot, home, settings } = self;
        let client = timed(settings.deadline, origin.client()).await?;
        let line = Line::open(&client, *slot, settings).await?;
        match timed(settings.deadline, line.probe(&home.key())).await {
            Ok(role) => is_master(&role).then_some(line).ok_or_else(not_the_master),
            // What its home is, the watch finds out.
            Err(error) if is_redirection(&error) => Ok(line),
            Err(error) => Err(error),
        }
    }

    /// Prolongs the lease by probes until something is wrong.
    async fn watch_over(&self, line: &Line) -> RedisError {
        let Self { home, settings, .. } = self;
        // Four chances within a lease, so that one slow answer costs nothing.
        let mut rhythm = tokio::time::interval(settings.lease / 4);
        rhythm.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = line.broken() => return closed(),
                _ = rhythm.tick() => {}
            }
            let key = home.key();
            let sent = Instant::now();
            let answer = tokio::select! {
                () = line.broken() => return closed(),
                answer = timed(patience(settings), line.probe(&key)) => answer,
            };
            match answer {
                Ok(role) if is_master(&role) => line.prolong(sent, settings),
                Ok(_) => return not_the_master(),
                // Slots went to another server. What was read of them may have changed there.
                Err(error) if is_redirection(&error) => {
                    line.start_over();
                    home.lost();
                }
                Err(error) => return error,
            }
        }
    }
}

struct Held(Arc<Line>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// A server that says nothing for this long is given up, and connected to anew.
fn patience(settings: &Settings) -> Duration {
    settings.lease.max(settings.deadline)
}

fn is_master(role: &Value) -> bool {
    let Value::Array(items) = role else { return false };
    matches!(items.first(), Some(Value::BulkString(role)) if role == b"master")
}

fn closed() -> RedisError {
    RedisError::from((ErrorKind::Io, "the connection was closed"))
}

fn not_the_master() -> RedisError {
    RedisError::from((ErrorKind::Server(ServerErrorKind::ReadOnly), "the server is not the master any more"))
}

fn is_redirection(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask))
}
