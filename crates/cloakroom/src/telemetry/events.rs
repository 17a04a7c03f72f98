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

/// How many events of each kind a listener may be behind.
const CAPACITY: usize = 1024;

/// Something happened in the life of a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// What.
    pub kind: EventKind,
    /// Which session; `None` where there is none, as with ambiguous cookies.
    pub session: Option<LogId>,
    /// Who was logged in to it, if anybody.
    pub principal: Option<Principal>,
    /// When, on the clock of the sessions.
    pub at: Timestamp,
}

impl Event {
    /// Whether somebody without a login can cause it, as often as they like.
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

/// As an audit log keeps it: the name of the kind, the reason of an end, the log id, the principal
/// as it is, and milliseconds since the Unix epoch. Its `Debug` does not show the principal; this
/// does.
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

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A session was created, by its first write or by a login.
    Created,
    /// Somebody logged in; the token was rotated.
    LoggedIn,
    /// The token was renewed.
    Renewed,
    /// The rights of the session changed; the token was rotated.
    Rotated,
    /// The session is over.
    Ended(EndReason),
    /// A token was shown that a rotation had replaced, after its grace: a straggler, or a thief.
    TokenReused,
    /// A request carried several different session cookies: somebody may be tossing cookies.
    CookiesAmbiguous,
    /// A request showed a cookie and a bearer token where one is allowed, or several `Authorization` fields:
    /// somebody may be mixing two clients.
    TokensAmbiguous,
    /// A token was shown under a key that is not in the ring: it left too early, or this node has not been told of it.
    TokenOfUnknownKey,
    /// The shared tier had an older record of the session than its client has seen: it lost writes that
    /// it had acknowledged, or the client made its version hint up.
    RolledBack,
    /// Something in the shared tier is sealed under a key that this process does not have.
    KeyUnknown,
    /// Something in the shared tier was altered, moved from elsewhere, or is not sealed though it has to be.
    SealBroken,
    /// A login was refused because the principal has as many sessions as it may have.
    LoginRefused,
    /// This node's clock and that of the shared tier turned out to be more than a minute apart.
    ClocksApart,
}

impl EventKind {
    /// A stable name for logs.
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

/// As its [name](EventKind::name); the reason of an end is a field of its own in a serialized
/// [`Event`].
impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Receives events, from the moment it was made.
///
/// A listener that is more than 1024 events behind misses the oldest and is told how many
/// ([`missed`](Self::missed)); nothing ever waits for a listener. What happens to sessions that
/// somebody is logged in to is counted apart from what anybody can cause (anonymous sessions,
/// ambiguous cookies, dead and unknown tokens), so no stranger can make a listener miss a login or
/// a logout.
#[derive(Debug)]
pub struct Events {
    users: Lane,
    strangers: Lane,
}

/// One of the channels that a listener listens to.
#[derive(Debug)]
struct Lane {
    receiver: broadcast::Receiver<Numbered>,
    /// Received, and held back until it is known that the other lane has nothing older.
    next: Option<Numbered>,
    missed: u64,
}

/// An event and its place among all of them.
#[derive(Clone, Debug)]
struct Numbered(u64, Event);

impl Events {
    /// The next event, once there is one. `None` when the sessions are gone.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.try_recv() {
                return Some(event);
            }
            if !self.fill().await {
                // Both are closed at the same moment, and one may have something left.
                return self.try_recv();
            }
        }
    }

    /// Waits for the next event of either kind. Answers whether there can be any.
    async fn fill(&mut self) -> bool {
        let (mut users, mut strangers) = (pin!(self.users.fill()), pin!(self.strangers.fill()));
        poll_fn(|context| match users.as_mut().poll(context) {
            Poll::Pending => strangers.as_mut().poll(context),
            ready => ready,
        })
        .await
    }

    /// The next event if there is one already.
    pub fn try_recv(&mut self) -> Option<Event> {
        let lane = match (self.users.peek(), self.strangers.peek()) {
            (Some(user), Some(stranger)) if stranger < user => &mut self.strangers,
            (None, Some(_)) => &mut self.strangers,
            _ => &mut self.users,
        };
        lane.next.take().map(|Numbered(_, event)| event)
    }

    /// How many events this listener missed because it was too slow.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.users.missed + self.strangers.missed
    }

    /// How many of them concerned sessions that somebody is, or was, logged in to. What strangers
    /// do never adds to it.
    #[must_use]
    pub const fn missed_of_users(&self) -> u64 {
        self.users.missed
    }
}

impl Lane {
    fn new(sender: &broadcast::Sender<Numbered>) -> Self {
        Self { receiver: sender.subscribe(), next: None, missed: 0 }
    }

    /// The number of the next event, if there is one already.
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

    /// Waits for the next event. Answers whether there can be any.
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

/// Where events are announced.
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

    pub(crate) fn send(&self, event: Event) {
        let session = event.session.map(tracing::field::display);
        match event.kind {
            EventKind::Ended(reason) => tracing::debug!(session, ?reason, "{}", event.kind.name()),
            kind => tracing::debug!(session, "{}", kind.name()),
        }
        let lane = if event.is_of_strangers() { &self.strangers } else { &self.users };
        if lane.receiver_count() > 0 {
            let number = self.announced.fetch_add(1, Ordering::Relaxed);
            // The only error is that the last listener left meanwhile.
            drop(lane.send(Numbered(number, event)));
        }
    }

    pub(crate) fn subscribe(&self) -> Events {
        Events { users: Lane::new(&self.users), strangers: Lane::new(&self.strangers) }
    }
}
