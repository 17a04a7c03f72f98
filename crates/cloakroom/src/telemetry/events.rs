use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::cache::EndReason;
use crate::sync::{AtomicU64, Ordering};
use crate::time::Timestamp;
use crate::token::Principal;

use crate::telemetry::log_id::LogId;

/// How many events of each lane a listener may be behind.
const CAPACITY: usize = 1024;
/// Explicit, so that filters of users outlive a move of this module.
const TARGET: &str = "cloakroom::events";

/// An event in the life of a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The kind of event.
    pub kind: EventKind,
    /// The session; `None` if there is none, as with ambiguous cookies.
    pub session: Option<LogId>,
    /// The session's principal, if one was logged in.
    pub principal: Option<Principal>,
    /// The time of the event, on the clock of the sessions.
    pub at: Timestamp,
}

impl Event {
    /// Returns `true` if a client without a login can cause it, as often as it likes.
    const fn is_of_strangers(&self) -> bool {
        match self.kind {
            EventKind::LoggedIn | EventKind::LoginRefused | EventKind::ClocksApart => false,
            EventKind::Created | EventKind::Renewed | EventKind::Rotated | EventKind::Ended(_) => {
                self.principal.is_none()
            }
            EventKind::TokenReused
            | EventKind::CookiesAmbiguous
            | EventKind::TokensAmbiguous
            | EventKind::TokenOfUnknownKey
            | EventKind::RolledBack
            | EventKind::KeyUnknown
            | EventKind::SealBroken => true,
        }
    }
}

/// Serializes for an audit log: the name of the kind, the reason of an end, the log id, the
/// principal in the clear, and milliseconds since the Unix epoch. `Debug` hides the principal; this
/// does not.
impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let reason = match self.kind {
            EventKind::Ended(reason) => Some(reason),
            _ => None,
        };
        let mut event = serializer.serialize_struct("Event", 5)?;
        event.serialize_field("kind", &self.kind)?;
        event.serialize_field("reason", &reason)?;
        event.serialize_field("session", &self.session)?;
        event.serialize_field("principal", &self.principal)?;
        event.serialize_field("at", &self.at)?;
        event.end()
    }
}

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A session was created, by its first write or by a login.
    Created,
    /// A principal logged in; the token was rotated.
    LoggedIn,
    /// The token was renewed.
    Renewed,
    /// The rights of the session changed; the token was rotated.
    Rotated,
    /// The session ended.
    Ended(EndReason),
    /// A token was presented that a rotation had replaced, after its grace period: by a late
    /// request, or by a thief.
    TokenReused,
    /// A request carried several different session cookies: a possible cookie tossing attack.
    CookiesAmbiguous,
    /// A request carried a cookie and a bearer token where only one is allowed, or several
    /// `Authorization` fields: possibly a mix of two clients.
    TokensAmbiguous,
    /// A token was presented under a key that is not in the ring: the key was removed too early, or
    /// this node does not have it yet.
    TokenOfUnknownKey,
    /// The shared tier had an older record of the session than its client has seen: it lost writes
    /// that it had acknowledged, or the client forged its version hint.
    RolledBack,
    /// Data in the shared tier is sealed under a key that this process does not have.
    KeyUnknown,
    /// Data in the shared tier was altered, moved from elsewhere, or is not sealed although it must
    /// be.
    SealBroken,
    /// A login was refused because the principal has reached its session limit.
    LoginRefused,
    /// The clocks of this node and the shared tier are more than a minute apart.
    ClocksApart,
}

impl EventKind {
    /// Returns a stable name for logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "session_created",
            Self::LoggedIn => "session_logged_in",
            Self::Renewed => "session_renewed",
            Self::Rotated => "session_rotated",
            Self::Ended(_) => "session_ended",
            Self::TokenReused => "token_reused",
            Self::CookiesAmbiguous => "cookies_ambiguous",
            Self::TokensAmbiguous => "tokens_ambiguous",
            Self::TokenOfUnknownKey => "token_of_unknown_key",
            Self::RolledBack => "session_rolled_back",
            Self::KeyUnknown => "key_unknown",
            Self::SealBroken => "seal_broken",
            Self::LoginRefused => "login_refused",
            Self::ClocksApart => "clocks_apart",
        }
    }
}

/// Serializes as the [name](EventKind::name); the reason of an end is a separate field of a
/// serialized [`Event`].
impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A stream of events, starting when it is created.
///
/// A listener that is more than 1024 events behind misses the oldest ones; [`missed`](Self::missed)
/// returns how many. Nothing ever waits for a listener. Events of logged-in sessions are queued
/// apart from events that anybody can cause (anonymous sessions, ambiguous cookies, dead and
/// unknown tokens), so no stranger can make a listener miss a login or a logout.
#[derive(Debug)]
pub struct Events {
    users: Lane,
    strangers: Lane,
}

/// One of the two channels of a listener.
#[derive(Debug)]
struct Lane {
    receiver: broadcast::Receiver<Numbered>,
    /// Received, and held back until the other lane is known to have nothing older.
    next: Option<Numbered>,
    missed: u64,
}

/// An event and its position in the order of all events.
#[derive(Clone, Debug)]
struct Numbered(u64, Event);

impl Events {
    /// Waits for the next event. `None` when the sessions are gone.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.try_recv() {
                return Some(event);
            }
            if !self.fill().await {
                // Both channels close at the same moment, and one may have an event left.
                return self.try_recv();
            }
        }
    }

    /// Waits for the next event of either lane. Returns whether there can be any.
    async fn fill(&mut self) -> bool {
        let (mut users, mut strangers) = (pin!(self.users.fill()), pin!(self.strangers.fill()));
        poll_fn(|context| match users.as_mut().poll(context) {
            Poll::Pending => strangers.as_mut().poll(context),
            ready => ready,
        })
        .await
    }

    /// Returns the next event if there is one already.
    pub fn try_recv(&mut self) -> Option<Event> {
        let lane = match (self.users.peek(), self.strangers.peek()) {
            (Some(user), Some(stranger)) if stranger < user => &mut self.strangers,
            (None, Some(_)) => &mut self.strangers,
            _ => &mut self.users,
        };
        lane.next.take().map(|Numbered(_, event)| event)
    }

    /// Returns how many events this listener missed because it was too slow.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.users.missed + self.strangers.missed
    }

    /// Returns how many of the missed events concerned sessions that a principal is, or was, logged
    /// in to. Strangers cannot increase this number.
    #[must_use]
    pub const fn missed_of_users(&self) -> u64 {
        self.users.missed
    }
}

impl Lane {
    fn new(sender: &broadcast::Sender<Numbered>) -> Self {
        Self { receiver: sender.subscribe(), next: None, missed: 0 }
    }

    /// Returns the position of the next event, if there is one already.
    fn peek(&mut self) -> Option<u64> {
        while self.next.is_none() {
            match self.receiver.try_recv() {
                Ok(event) => self.next = Some(event),
                Err(TryRecvError::Lagged(events)) => self.missed += events,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
        self.next.as_ref().map(|Numbered(number, _)| *number)
    }

    /// Waits for the next event. Returns whether there can be any.
    async fn fill(&mut self) -> bool {
        loop {
            match self.receiver.recv().await {
                Ok(event) => {
                    self.next = Some(event);
                    return true;
                }
                Err(RecvError::Lagged(events)) => self.missed += events,
                Err(RecvError::Closed) => return false,
            }
        }
    }
}

/// Sends events to all listeners.
#[derive(Debug)]
pub(crate) struct EventSender {
    users: broadcast::Sender<Numbered>,
    strangers: broadcast::Sender<Numbered>,
    announced: AtomicU64,
}

impl EventSender {
    pub(crate) fn new() -> Self {
        Self {
            users: broadcast::Sender::new(CAPACITY),
            strangers: broadcast::Sender::new(CAPACITY),
            announced: AtomicU64::new(0),
        }
    }

    /// Logs an event. `session` is called only if a subscriber wants the line.
    pub(crate) fn log(kind: EventKind, session: impl Fn() -> Option<LogId>) {
        let session = || session().map(tracing::field::display);
        match kind {
            EventKind::Ended(reason) => {
                tracing::debug!(target: TARGET, session = session(), ?reason, "{}", kind.name());
            }
            kind => tracing::debug!(target: TARGET, session = session(), "{}", kind.name()),
        }
    }

    /// Returns `true` if somebody listens. Every listener listens to both lanes.
    pub(crate) fn has_listeners(&self) -> bool {
        self.users.receiver_count() > 0
    }

    pub(crate) fn send(&self, event: Event) {
        let lane = if event.is_of_strangers() { &self.strangers } else { &self.users };
        let number = self.announced.fetch_add(1, Ordering::Relaxed);
        // The only possible error is that the last listener left meanwhile.
        drop(lane.send(Numbered(number, event)));
    }

    pub(crate) fn subscribe(&self) -> Events {
        Events { users: Lane::new(&self.users), strangers: Lane::new(&self.strangers) }
    }
}
