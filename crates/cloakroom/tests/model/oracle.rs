//! The model: a sequential reference implementation with one list of sessions and one clock.

use cloakroom::SessionErrorKind;

use super::steps::{Action, BROWSERS, USERS};

pub(crate) const IDLE: u64 = 600;
pub(crate) const ABSOLUTE: u64 = 3600;
pub(crate) const GRACE: u64 = 10;
pub(crate) const TTL: u64 = 300;
pub(crate) const NEGATIVE_TTL: u64 = 60;
/// Maximum number of sessions per user. One more login ends the oldest session.
pub(crate) const MAX_SESSIONS: usize = 2;
/// Seconds during which a repeated login with the same token joins the first one.
const LOGIN_MERGE_WINDOW: u64 = 10;
/// Roles that the infallible loader returns if the source has none.
pub(crate) const NO_ROLES: u8 = 0;

/// Outcome of a request.
#[derive(Debug, PartialEq)]
pub(crate) enum Outcome {
    Done,
    Refused(SessionErrorKind),
    Notes(Option<Vec<u8>>),
    Roles(Option<u8>),
    Removed(bool),
    Number(usize),
    /// The logged-in user, the creation time and the end of the session.
    Info(Option<(Option<u8>, u64, u64)>),
}

/// The token of a browser: its session, and its number among the tokens of that session.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OracleToken {
    session: usize,
    token: usize,
}

#[derive(Debug, Default)]
struct OracleSession {
    ended: bool,
    /// The current token, counted from 0. The previous one is accepted until `grace_until`.
    token: usize,
    grace_until: u64,
    user: Option<u8>,
    notes: Option<Vec<u8>>,
    roles: Option<(Option<u8>, u64)>,
    created: u64,
    seen: u64,
    /// When a token was last presented to a node that may have missed changes. Even if the token is
    /// dead, the node may count this as use of the session.
    last_stale_use: u64,
    idle: u64,
    absolute: u64,
    logged_in: u64,
    /// The login that issued the current token, if a login issued it.
    login: Option<Login>,
    /// The session has a lifetime of its own, and keeps it when the same user logs in again.
    remembered: bool,
}

/// A login: the token that was presented, the node, and whether the notes are kept.
#[derive(Clone, Copy, Debug)]
struct Login {
    presented: usize,
    node: usize,
    keep: bool,
}

impl OracleSession {
    fn deadline(&self) -> u64 {
        (self.seen + self.idle).min(self.absolute)
    }

    fn rotate(&mut self, grace_until: u64) {
        self.token += 1;
        self.grace_until = grace_until;
        self.login = None;
    }

    fn set_lifetimes(&mut self, now: u64, idle: u64, absolute: u64) {
        (self.seen, self.idle, self.absolute) = (now, idle, now + absolute);
    }
}

/// Result of looking up a token.
enum Lookup {
    Open(usize),
    Superseded,
    NotFound,
}

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Set if the nodes share a store: an idle session may then live for a tenth longer, and a
    /// change by the application counts as use.
    shared: bool,
    /// Difference between the clocks of the nodes in seconds, rounded up.
    clock_skew: u64,
    now: u64,
    source: Option<u8>,
    sessions: Vec<OracleSession>,
    pub(crate) tokens: [Option<OracleToken>; BROWSERS],
    /// The sessions of each user, oldest first.
    members: [Vec<usize>; USERS as usize],
}

impl Oracle {
    pub(crate) fn new(shared: bool, clock_skew: u64) -> Self {
        Self { shared, clock_skew, ..Self::default() }
    }

    /// Tolerance for an instant of a session, because several clocks may have contributed to it.
    pub(crate) const fn tolerance(&self) -> u64 {
        4 * self.clock_skew
    }

    pub(crate) fn set_source(&mut self, roles: Option<u8>) {
        self.source = roles;
    }

    pub(crate) const fn roles(&self) -> Option<u8> {
        self.source
    }

    /// Advances the clock by at least `span`, until the state of every session is certain.
    ///
    /// The timer may be two seconds late, and a store a tenth of the idle timeout. Returns the time
    /// that has passed.
    pub(crate) fn advance(&mut self, span: u64) -> u64 {
        let before = self.now;
        self.now += span;
        while self.sessions.iter().any(|state| !state.ended && self.is_uncertain(state)) {
            self.now += 1;
        }
        let now = self.now;
        for state in self.sessions.iter_mut().filter(|state| now >= state.deadline()) {
            state.ended = true;
        }
        now - before
    }

    fn is_uncertain(&self, state: &OracleSession) -> bool {
        let late = if self.shared { state.idle / 10 + 2 } else { 2 };
        let latest = state.deadline().max((state.last_stale_use + state.idle).min(state.absolute));
        let is_off =
            |instant: u64| (instant.saturating_sub(self.clock_skew)..instant + self.clock_skew).contains(&self.now);
        (state.deadline().saturating_sub(self.tolerance())..latest + late + self.tolerance()).contains(&self.now)
            || is_off(state.grace_until)
            || state.roles.is_some_and(|(_, fresh_until)| is_off(fresh_until))
    }

    /// Returns `true` if a browser's token is the one before the last renewal, and still accepted.
    pub(crate) fn is_in_grace(&self, browser: usize) -> bool {
        let is_old = |presented: OracleToken| presented.token < self.sessions[presented.session].token;
        self.tokens[browser]
            .is_some_and(|presented| is_old(presented) && matches!(self.lookup(browser), Lookup::Open(_)))
    }

    fn lookup(&self, browser: usize) -> Lookup {
        let Some(OracleToken { session, token }) = self.tokens[browser] else { return Lookup::NotFound };
        let state = &self.sessions[session];
        if state.ended {
            return Lookup::NotFound;
        }
        let in_grace = token + 1 == state.token && self.now < state.grace_until;
        if token == state.token || in_grace { Lookup::Open(session) } else { Lookup::Superseded }
    }

    /// Records that a browser presents its token to a node that may have missed changes.
    pub(crate) fn record_stale_use(&mut self, browser: usize) {
        if let Some(presented) = self.tokens[browser] {
            self.sessions[presented.session].last_stale_use = self.now;
        }
    }

    /// Returns `true` if the session of a browser's token has ended.
    pub(crate) fn presents_ended_session(&self, browser: usize) -> bool {
        self.tokens[browser].is_some_and(|presented| self.sessions[presented.session].ended)
    }

    pub(crate) fn request(&mut self, browser: usize, node: usize, action: &Action) -> Outcome {
        let lookup = self.lookup(browser);
        if let Lookup::Open(session) = lookup {
            self.sessions[session].seen = self.now;
        }
        match action {
            Action::Append(_) | Action::Replace(_) | Action::Remove | Action::Invalidate => {
                self.write(browser, &lookup, action)
            }
            Action::Find | Action::Load => Outcome::Roles(self.load(&lookup, matches!(action, Action::Find))),
            Action::Login { user, keep } => {
                // Without a store there is only one node.
                let node = if self.shared { node } else { 0 };
                self.login(browser, &lookup, *user, Login { presented: 0, node, keep: *keep })
            }
            // It is unknown which session to keep.
            Action::RevokeOthers(_) if matches!(lookup, Lookup::Superseded) => {
                Outcome::Refused(SessionErrorKind::Ended)
            }
            Action::RevokeOthers(user) => {
                let kept = if let Lookup::Open(session) = lookup { Some(session) } else { None };
                Outcome::Number(self.revoke(*user, kept))
            }
            Action::Read | Action::ReadRoles | Action::Info => self.read(&lookup, action),
            Action::Renew | Action::Remember(_) | Action::Destroy => self.extend_or_end(browser, &lookup, action),
        }
    }

    fn create(&mut self, browser: usize) -> usize {
        let session = self.sessions.len();
        let (now, absolute) = (self.now, self.now + ABSOLUTE);
        self.sessions.push(OracleSession { created: now, seen: now, idle: IDLE, absolute, ..OracleSession::default() });
        self.tokens[browser] = Some(OracleToken { session, token: 0 });
        session
    }

    fn write(&mut self, browser: usize, lookup: &Lookup, action: &Action) -> Outcome {
        let session = match lookup {
            Lookup::Open(session) => *session,
            Lookup::Superseded => return Outcome::Refused(SessionErrorKind::Ended),
            Lookup::NotFound if matches!(action, Action::Remove) => return Outcome::Removed(false),
            Lookup::NotFound if matches!(action, Action::Invalidate) => return Outcome::Done,
            Lookup::NotFound => self.create(browser),
        };
        let state = &mut self.sessions[session];
        match action {
            Action::Append(note) => {
                let notes = state.notes.get_or_insert_default();
                notes.push(*note);
                Outcome::Number(notes.len())
            }
            Action::Replace(notes) => {
                state.notes = Some(notes.clone());
                Outcome::Done
            }
            Action::Remove => Outcome::Removed(state.notes.take().is_some()),
            _ => {
                state.roles = None;
                Outcome::Done
            }
        }
    }

    fn load(&mut self, lookup: &Lookup, may_be_absent: bool) -> Option<u8> {
        let found = if may_be_absent { self.source } else { Some(self.source.unwrap_or(NO_ROLES)) };
        let Lookup::Open(session) = lookup else { return found };
        let (now, state) = (self.now, &mut self.sessions[*session]);
        match state.roles {
            Some((roles, fresh_until)) if now < fresh_until && (may_be_absent || roles.is_some()) => roles,
            _ => {
                let ttl = if found.is_some() { TTL } else { NEGATIVE_TTL };
                state.roles = Some((found, now + ttl));
                found
            }
        }
    }

    fn read(&self, lookup: &Lookup, action: &Action) -> Outcome {
        let state = if let Lookup::Open(session) = lookup { Some(&self.sessions[*session]) } else { None };
        match action {
            Action::Read => Outcome::Notes(state.and_then(|state| state.notes.clone())),
            Action::ReadRoles => {
                let roles = state.and_then(|state| state.roles).filter(|(_, fresh_until)| self.now < *fresh_until);
                Outcome::Roles(roles.and_then(|(roles, _)| roles))
            }
            _ => Outcome::Info(state.map(|state| (state.user, state.created, state.deadline()))),
        }
    }

    /// Handles a login whose token another login has replaced.
    ///
    /// Returns the notes that it takes over from the session of that login. Returns `None` if it is
    /// a repeat of that login on the same node a moment later, which gets the same token.
    fn second_login(&mut self, browser: usize, lookup: &Lookup, user: u8, login: Login) -> Option<Option<Vec<u8>>> {
        let (Lookup::Superseded, Some(OracleToken { session, token })) = (lookup, self.tokens[browser]) else {
            return Some(None);
        };
        let state = &mut self.sessions[session];
        let Some(first) = state.login.filter(|_| state.user == Some(user)) else { return Some(None) };
        let is_repeat = (first.presented, first.node, first.keep) == (token, login.node, login.keep);
        if is_repeat && self.now < state.logged_in + LOGIN_MERGE_WINDOW {
            state.seen = self.now;
            self.tokens[browser] = Some(OracleToken { session, token: state.token });
            return None;
        }
        Some(state.notes.clone().filter(|_| login.keep && token + 1 == state.token))
    }

    fn login(&mut self, browser: usize, lookup: &Lookup, user: u8, login: Login) -> Outcome {
        let Some(kept) = self.second_login(browser, lookup, user, login) else { return Outcome::Done };
        let session = if let Lookup::Open(session) = lookup { *session } else { self.create(browser) };
        let presented = self.tokens[browser].map_or(0, |presented| presented.token);
        self.sessions[session].notes = kept.or(self.sessions[session].notes.take());
        self.admit(session, user);
        let (now, state) = (self.now, &mut self.sessions[session]);
        if state.user != Some(user) {
            state.notes = state.notes.take().filter(|_| login.keep && state.user.is_none());
            state.roles = None;
        }
        state.remembered &= state.user == Some(user);
        state.user = Some(user);
        let granted = state.absolute.saturating_sub(state.logged_in);
        let (idle, absolute) = if state.remembered { (state.idle.min(granted), granted) } else { (IDLE, ABSOLUTE) };
        state.set_lifetimes(now, idle, absolute);
        state.logged_in = now;
        state.rotate(now);
        state.login = Some(Login { presented, ..login });
        self.tokens[browser] = Some(OracleToken { session, token: state.token });
        Outcome::Done
    }

    fn admit(&mut self, session: usize, user: u8) {
        for (other, members) in self.members.iter_mut().enumerate() {
            members
                .retain(|member| !self.sessions[*member].ended && (other == usize::from(user) || *member != session));
        }
        let members = &mut self.members[usize::from(user)];
        if members.contains(&session) {
            return;
        }
        if members.len() == MAX_SESSIONS {
            self.sessions[members.remove(0)].ended = true;
        }
        members.push(session);
    }

    fn extend_or_end(&mut self, browser: usize, lookup: &Lookup, action: &Action) -> Outcome {
        let Lookup::Open(session) = *lookup else {
            // A change without effect must not report success. Without a session, a renewal and a
            // logout have nothing to do.
            let is_refused = matches!(action, Action::Remember(_)) || matches!(lookup, Lookup::Superseded);
            return if is_refused { Outcome::Refused(SessionErrorKind::Ended) } else { Outcome::Done };
        };
        let in_grace = self.is_in_grace(browser);
        let (now, state) = (self.now, &mut self.sessions[session]);
        match action {
            Action::Remember(span) => {
                state.remembered = true;
                let granted = state.absolute;
                state.set_lifetimes(now, *span, *span);
                state.absolute = state.absolute.min(granted);
            }
            Action::Renew if in_grace => {}
            Action::Renew => {
                state.rotate(now + GRACE);
                self.tokens[browser] = Some(OracleToken { session, token: state.token });
            }
            _ => {
                state.ended = true;
                self.tokens[browser] = None;
            }
        }
        Outcome::Done
    }

    /// The live sessions of a user, oldest first.
    pub(crate) fn members(&self, user: u8) -> Vec<usize> {
        let members = self.members[usize::from(user)].iter().copied();
        members.filter(|member| !self.sessions[*member].ended).collect()
    }

    pub(crate) fn revoke(&mut self, user: u8, kept: Option<usize>) -> usize {
        let mut members = self.members(user);
        members.retain(|member| Some(*member) != kept);
        members.iter().for_each(|member| self.sessions[*member].ended = true);
        members.len()
    }

    pub(crate) fn invalidate(&mut self, user: u8) -> usize {
        let members = self.members(user);
        for member in &members {
            self.sessions[*member].roles = None;
        }
        members.len()
    }
}
