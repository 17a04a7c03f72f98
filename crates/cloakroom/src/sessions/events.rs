use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};

use crate::cache::EndReason;
use crate::identity::Principal;
use crate::time::Timestamp;

use super::log_id::LogId;

/// How many events a listener may be behind.
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
    Elevated,
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
            Self::Elevated => "session_elevated",
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

/// Receives events, from the moment it was made.
///
/// A listener that is more than 1024 events behind misses the oldest and is told how many
/// ([`missed`](Self::missed)); nothing ever waits for a listener.
#[derive(Debug)]
pub struct Events {
    receiver: broadcast::Receiver<Event>,
    missed: u64,
}

impl Events {
    /// The next event, once there is one. `None` when the sessions are gone.
    pub async fn recv(&mut self) -> Option<Event> {
        loop {
            match self.receiver.recv().await {
                Ok(event) => return Some(event),
                Err(RecvError::Lagged(events)) => self.missed += events,
                Err(RecvError::Closed) => return None,
            }
        }
    }

    /// The next event if there is one already.
    pub fn try_recv(&mut self) -> Option<Event> {
        loop {
            match self.receiver.try_recv() {
                Ok(event) => return Some(event),
                Err(TryRecvError::Lagged(events)) => self.missed += events,
                Err(TryRecvError::Empty | TryRecvError::Closed) => return None,
            }
        }
    }

    /// How many events this listener missed because it was too slow.
    #[must_use]
    pub const fn missed(&self) -> u64 {
        self.missed
    }
}

/// Where events are announced.
#[derive(Debug)]
pub(crate) struct Announcer(broadcast::Sender<Event>);

impl Announcer {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(CAPACITY))
    }

    pub(crate) fn announce(&self, event: Event) {
        let session = event.session.map(tracing::field::display);
        match event.kind {
            EventKind::Ended(reason) => tracing::debug!(session, ?reason, "{}", event.kind.name()),
            kind => tracing::debug!(session, "{}", kind.name()),
        }
        if self.0.receiver_count() > 0 {
            // The only error is that the last listener left meanwhile.
            drop(self.0.send(event));
        }
    }

    pub(crate) fn listen(&self) -> Events {
        Events { receiver: self.0.subscribe(), missed: 0 }
    }
}
