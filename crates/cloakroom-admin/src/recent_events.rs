use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use cloakroom::{Event, Events, Sessions};

/// How many events are kept of sessions with a user, and as many of those without.
const KEPT: usize = 100;

/// How many events are taken at once: twice what can wait.
const MAX_RECEIVED: usize = 4096;

/// The latest events of this process, numbered in their order.
///
/// It listens from its creation on, without a task: the events wait in the queue of the listener
/// until a page or a stream asks for them. Events of strangers are kept apart, so that a flood of
/// anonymous sessions hides no login.
#[derive(Debug)]
pub(crate) struct RecentEvents {
    listener: Mutex<Listener>,
    /// Distinguishes the numbers of this process from those of another, or of the one before a
    /// restart.
    epoch: u128,
}

#[derive(Debug)]
struct Listener {
    events: Events,
    of_users: VecDeque<NumberedEvent>,
    of_strangers: VecDeque<NumberedEvent>,
    last: u64,
}

/// An event and its number, counted from 1.
#[derive(Clone, Debug)]
pub(crate) struct NumberedEvent {
    pub(crate) number: u64,
    pub(crate) event: Event,
}

/// Events, and the position behind them.
#[derive(Debug)]
pub(crate) struct Batch {
    /// The newest last.
    pub(crate) events: Vec<NumberedEvent>,
    pub(crate) position: Position,
}

/// A position in the events of one process, as in `1764520366000-17`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    epoch: u128,
    number: u64,
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.epoch, self.number)
    }
}

impl RecentEvents {
    pub(crate) fn new(sessions: &Sessions) -> Self {
        let listener =
            Listener { events: sessions.events(), of_users: VecDeque::new(), of_strangers: VecDeque::new(), last: 0 };
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Self { listener: Mutex::new(listener), epoch }
    }

    /// Returns the kept events.
    pub(crate) fn all(&self) -> Batch {
        self.after(Position { epoch: self.epoch, number: 0 })
    }

    /// Returns the kept events behind a position of this process.
    pub(crate) fn after(&self, position: Position) -> Batch {
        let mut listener = self.lock();
        listener.receive();
        let behind = |event: &&NumberedEvent| event.number > position.number;
        let mut events: Vec<_> =
            listener.of_users.iter().chain(&listener.of_strangers).filter(behind).cloned().collect();
        events.sort_unstable_by_key(|event| event.number);
        Batch { events, position: Position { epoch: self.epoch, number: listener.last } }
    }

    /// Reads a position; `None` if it is not one of this process.
    pub(crate) fn position(&self, text: &str) -> Option<Position> {
        let (epoch, number) = text.split_once('-')?;
        let position = Position { epoch: epoch.parse().ok()?, number: number.parse().ok()? };
        (position.epoch == self.epoch && position.number <= self.lock().last).then_some(position)
    }

    fn lock(&self) -> MutexGuard<'_, Listener> {
        // Every change of it is whole.
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener {
    /// Takes what has happened since the last call. Under a flood that is faster than this loop, the
    /// rest waits for the next call.
    fn receive(&mut self) {
        for _ in 0..MAX_RECEIVED {
            let Some(event) = self.events.try_recv() else { return };
            self.last += 1;
            let kept = if event.principal.is_some() { &mut self.of_users } else { &mut self.of_strangers };
            if kept.len() == KEPT {
                kept.pop_front();
            }
            kept.push_back(NumberedEvent { number: self.last, event });
        }
    }
}
