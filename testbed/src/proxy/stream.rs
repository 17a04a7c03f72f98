//! One direction of all connections: its rule and its counters.

use super::{
    rule::{Rule, Watched},
    traffic::Bytes,
};
use crate::CommandCounts;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::watch;

#[derive(Debug)]
pub(super) struct Stream {
    rule: watch::Sender<Rule>,
    read: AtomicU64,
    delivered: AtomicU64,
    /// Set only for the direction of commands; replies are not counted.
    commands: Option<Mutex<CommandCounts>>,
}

impl Stream {
    pub(super) fn of_commands() -> Self {
        Self { commands: Some(Mutex::default()), ..Self::of_replies() }
    }

    pub(super) fn of_replies() -> Self {
        let (rule, _) = watch::channel(Rule::default());
        Self { rule, read: AtomicU64::new(0), delivered: AtomicU64::new(0), commands: None }
    }

    pub(super) fn change(&self, change: impl FnOnce(&mut Rule)) {
        self.rule.send_modify(change);
    }

    pub(super) fn watch(&self) -> Watched {
        Watched::new(&self.rule)
    }

    pub(super) fn is_tapped(&self) -> bool {
        self.commands.is_some()
    }

    pub(super) fn count_command(&self, name: &str) {
        if let Some(commands) = &self.commands {
            commands.lock().add(name);
        }
    }

    pub(super) fn commands(&self) -> CommandCounts {
        self.commands.as_ref().map(|commands| commands.lock().clone()).unwrap_or_default()
    }

    pub(super) fn count_read(&self, bytes: usize) {
        self.read.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn count_delivered(&self, bytes: usize) {
        self.delivered.fetch_add(bytes as u64, Relaxed);
    }

    pub(super) fn bytes(&self) -> Bytes {
        Bytes { read: self.read.load(Relaxed), delivered: self.delivered.load(Relaxed) }
    }
}
