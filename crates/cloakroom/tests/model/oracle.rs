//! The same sessions as plainly as they can be said: one list, one clock, nothing at once.

use cloakroom::SessionErrorKind;

use super::steps::{Act, BROWSERS, USERS};

pub(crate) const IDLE: u64 = 600;
pub(crate) const ABSOLUTE: u64 = 3600;
pub(crate) const GRACE: u64 = 10;
pub(crate) const TTL: u64 = 300;
pub(crate) const NEGATIVE_TTL: u64 = 60;
/// How many sessions a user may have at once; one more ends the oldest.
pub(crate) const MOST: usize = 2;
/// For how long the same login by the same token joins the first one.
const TOGETHER: u64 = 10;
/// What the loader that always has an answer makes of no roles.
pub(crate) const NO_ROLES: u8 = 0;

/// What a request is told.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Done,
    Refused(SessionErrorKind),
    Notes(Option<Vec<u8>>),
    Roles(Option<u8>),
    Was(bool),
    Number(usize),
    /// Who is logged in, when the session was created, when it ends.
    Who(Option<(Option<u8>, u64, u64)>),
}

/// Which token of which session a browser has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct OracleToken {
    session: usize,
    token: usize,
}

#[derive(Debug, Default)]
struct OracleSession {
    over: bool,
    /// The present token, counted from 0, and until when the one before still works.
    token: usize,
    grace_until: u64,
    user: Option<u8>,
    notes: Option<Vec<u8>>,
    roles: Option<(Option<u8>, u64)>,
    created: u64,
    seen: u64,
    /// When a token that is dead by now was shown to a node that had not heard so: may count as use.
    haunted: u64,
    idle: u64,
    absolute: u64,
    logged_in: u64,
    /// The login that gave the present token, if it was one.
    login: Option<Login>,
    /// It ends after its own lifetime and no other, and stays so while the same user logs in.
    remembered: bool,
}

/// By which token, on which node and how somebody logged in.
#[derive(Clone, Copy, Debug)]
struct Login {
    shown: usize,
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

    fn last(&mut self, now: u64, idle: u64, absolute: u64) {
        (self.seen, self.idle, self.absolute) = (now, idle, now + absolute);
    }
}

/// What a ticket is good for.
enum Entry {
    Open(usize),
    Superseded,
    Nothing,
}

#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// Over a store a session that nobody uses may live for a tenth longer, and a change by the
    /// application counts as use.
    shared: bool,
    /// By how many seconds the clocks of the nodes differ, rounded up.
    apart: u64,
    now: u64,
    source: Option<u8>,
    lives: Vec<OracleSession>,
    pub(crate) tickets: [Option<OracleToken>; BROWSERS],
    /// Of each user, oldest first.
    members: [Vec<usize>; USERS as usize],
}

impl Oracle {
    pub(crate) fn new(shared: bool, apart: u64) -> Self {
        Self { shared, apart, ..Self::default() }
    }

    /// By how much an instant of a session's life may be off: several clocks may have had a say in it.
    pub(crate) const fn slack(&self) -> u64 {
        4 * self.apart
    }

    pub(crate) fn source(&mut self, roles: Option<u8>) {
        self.source = roles;
    }

    pub(crate) const fn roles(&self) -> Option<u8> {
        self.source
    }

    /// Answers how long it takes until at least `span` has passed and of every session is certain
    /// whether it lives: the timer may be two seconds late, a store a tenth of the idle timeout.
    pub(crate) fn pass(&mut self, span: u64) -> u64 {
        let before = self.now;
        self.now += span;
        while self.lives.iter().any(|life| !life.over && self.is_uncertain(life)) {
            self.now += 1;
        }
        let now = self.now;
        for life in self.lives.iter_mut().filter(|life| now >= life.deadline()) {
            life.over = true;
        }
        now - before
    }

    fn is_uncertain(&self, life: &OracleSession) -> bool {
        let late = if self.shared { life.idle / 10 + 2 } else { 2 };
        let latest = life.deadline().max((life.haunted + life.idle).min(life.absolute));
        let is_off = |instant: u64| (instant.saturating_sub(self.apart)..instant + self.apart).contains(&self.now);
        (life.deadline().saturating_sub(self.slack())..latest + late + self.slack()).contains(&self.now)
            || is_off(life.grace_until)
            || life.roles.is_some_and(|(_, fresh_until)| is_off(fresh_until))
    }

    /// Whether a browser's token is the one before the last renewal.
    pub(crate) fn is_in_grace(&self, browser: usize) -> bool {
        let is_old = |ticket: OracleToken| ticket.token < self.lives[ticket.session].token;
        self.tickets[browser].is_some_and(|ticket| is_old(ticket) && matches!(self.entry(browser), Entry::Open(_)))
    }

    fn entry(&self, browser: usize) -> Entry {
        let Some(OracleToken { session, token }) = self.tickets[browser] else { return Entry::Nothing };
        let life = &self.lives[session];
        if life.over {
            return Entry::Nothing;
        }
        let in_grace = token + 1 == life.token && self.now < life.grace_until;
        if token == life.token || in_grace { Entry::Open(session) } else { Entry::Superseded }
    }

    /// A node that may have missed changes sees the ticket of a browser.
    pub(crate) fn haunt(&mut self, browser: usize) {
        if let Some(ticket) = self.tickets[browser] {
            self.lives[ticket.session].haunted = self.now;
        }
    }

    /// Whether a browser comes with the ticket of a session that is over.
    pub(crate) fn comes_late(&self, browser: usize) -> bool {
        self.tickets[browser].is_some_and(|ticket| self.lives[ticket.session].over)
    }

    pub(crate) fn request(&mut self, browser: usize, node: usize, act: &Act) -> Answer {
        let entry = self.entry(browser);
        if let Entry::Open(session) = entry {
            self.lives[session].seen = self.now;
        }
        match act {
            Act::Append(_) | Act::Replace(_) | Act::Remove | Act::Invalidate => self.write(browser, &entry, act),
            Act::Find | Act::Load => Answer::Roles(self.load(&entry, matches!(act, Act::Find))),
            Act::Login { user, keep } => {
                // In memory there is one node only.
                let node = if self.shared { node } else { 0 };
                self.login(browser, &entry, *user, Login { shown: 0, node, keep: *keep })
            }
            // Which one is kept is not known.
            Act::RevokeOthers(_) if matches!(entry, Entry::Superseded) => Answer::Refused(SessionErrorKind::Ended),
            Act::RevokeOthers(user) => {
                let kept = if let Entry::Open(session) = entry { Some(session) } else { None };
                Answer::Number(self.revoke(*user, kept))
            }
            Act::Read | Act::ReadRoles | Act::Who => self.read(&entry, act),
            Act::Renew | Act::Remember(_) | Act::Destroy => self.prolong_or_end(browser, &entry, act),
        }
    }

    fn create(&mut self, browser: usize) -> usize {
        let session = self.lives.len();
        let (now, absolute) = (self.now, self.now + ABSOLUTE);
        self.lives.push(OracleSession { created: now, seen: now, idle: IDLE, absolute, ..OracleSession::default() });
        self.tickets[browser] = Some(OracleToken { session, token: 0 });
        session
    }

    fn write(&mut self, browser: usize, entry: &Entry, act: &Act) -> Answer {
        let session = match entry {
            Entry::Open(session) => *session,
            Entry::Superseded => return Answer::Refused(SessionErrorKind::Ended),
            Entry::Nothing if matches!(act, Act::Remove) => return Answer::Was(false),
            Entry::Nothing if matches!(act, Act::Invalidate) => return Answer::Done,
            Entry::Nothing => self.create(browser),
        };
        let life = &mut self.lives[session];
        match act {
            Act::Append(note) => {
                let notes = life.notes.get_or_insert_default();
                notes.push(*note);
                Answer::Number(notes.len())
            }
            Act::Replace(notes) => {
                life.notes = Some(notes.clone());
                Answer::Done
            }
            Act::Remove => Answer::Was(life.notes.take().is_some()),
            _ => {
                life.roles = None;
                Answer::Done
            }
        }
    }

    fn load(&mut self, entry: &Entry, may_be_absent: bool) -> Option<u8> {
        let found = if may_be_absent { self.source } else { Some(self.source.unwrap_or(NO_ROLES)) };
        let Entry::Open(session) = entry else { return found };
        let (now, life) = (self.now, &mut self.lives[*session]);
        match life.roles {
            Some((roles, fresh_until)) if now < fresh_until && (may_be_absent || roles.is_some()) => roles,
            _ => {
                let ttl = if found.is_some() { TTL } else { NEGATIVE_TTL };
                life.roles = Some((found, now + ttl));
                found
            }
        }
    }

    fn read(&self, entry: &Entry, act: &Act) -> Answer {
        let life = if let Entry::Open(session) = entry { Some(&self.lives[*session]) } else { None };
        match act {
            Act::Read => Answer::Notes(life.and_then(|life| life.notes.clone())),
            Act::ReadRoles => {
                let roles = life.and_then(|life| life.roles).filter(|(_, fresh_until)| self.now < *fresh_until);
                Answer::Roles(roles.and_then(|(roles, _)| roles))
            }
            _ => Answer::Who(life.map(|life| (life.user, life.created, life.deadline()))),
        }
    }

    /// A login that came too late: another one has replaced its token. Answers what it keeps of that one's session, and
    /// `None` if it gets the same token, because it is the very same login on the same node a moment later.
    fn second_login(&mut self, browser: usize, entry: &Entry, user: u8, login: Login) -> Option<Option<Vec<u8>>> {
        let (Entry::Superseded, Some(OracleToken { session, token })) = (entry, self.tickets[browser]) else {
            return Some(None);
        };
        let life = &mut self.lives[session];
        let Some(first) = life.login.filter(|_| life.user == Some(user)) else { return Some(None) };
        let is_the_same = (first.shown, first.node, first.keep) == (token, login.node, login.keep);
        if is_the_same && self.now < life.logged_in + TOGETHER {
            life.seen = self.now;
            self.tickets[browser] = Some(OracleToken { session, token: life.token });
            return None;
        }
        Some(life.notes.clone().filter(|_| login.keep && token + 1 == life.token))
    }

    fn login(&mut self, browser: usize, entry: &Entry, user: u8, login: Login) -> Answer {
        let Some(kept) = self.second_login(browser, entry, user, login) else { return Answer::Done };
        let session = if let Entry::Open(session) = entry { *session } else { self.create(browser) };
        let shown = self.tickets[browser].map_or(0, |ticket| ticket.token);
        self.lives[session].notes = kept.or(self.lives[session].notes.take());
        self.admit(session, user);
        let (now, life) = (self.now, &mut self.lives[session]);
        if life.user != Some(user) {
            life.notes = life.notes.take().filter(|_| login.keep && life.user.is_none());
            life.roles = None;
        }
        life.remembered &= life.user == Some(user);
        life.user = Some(user);
        let granted = life.absolute.saturating_sub(life.logged_in);
        let (idle, absolute) = if life.remembered { (life.idle.min(granted), granted) } else { (IDLE, ABSOLUTE) };
        life.last(now, idle, absolute);
        life.logged_in = now;
        life.rotate(now);
        life.login = Some(Login { shown, ..login });
        self.tickets[browser] = Some(OracleToken { session, token: life.token });
        Answer::Done
    }

    fn admit(&mut self, session: usize, user: u8) {
        for (other, members) in self.members.iter_mut().enumerate() {
            members.retain(|member| !self.lives[*member].over && (other == usize::from(user) || *member != session));
        }
        let members = &mut self.members[usize::from(user)];
        if members.contains(&session) {
            return;
        }
        if members.len() == MOST {
            self.lives[members.remove(0)].over = true;
        }
        members.push(session);
    }

    fn prolong_or_end(&mut self, browser: usize, entry: &Entry, act: &Act) -> Answer {
        let Entry::Open(session) = *entry else {
            // What ends or replaces nothing does not say that it did.
            let is_refused = matches!(act, Act::Remember(_)) || matches!(entry, Entry::Superseded);
            return if is_refused { Answer::Refused(SessionErrorKind::Ended) } else { Answer::Done };
        };
        let in_grace = self.is_in_grace(browser);
        let (now, life) = (self.now, &mut self.lives[session]);
        match act {
            Act::Remember(span) => {
                life.remembered = true;
                let granted = life.absolute;
                life.last(now, *span, *span);
                life.absolute = life.absolute.min(granted);
            }
            Act::Renew if in_grace => {}
            Act::Renew => {
                life.rotate(now + GRACE);
                self.tickets[browser] = Some(OracleToken { session, token: life.token });
            }
            _ => {
                life.over = true;
                self.tickets[browser] = None;
            }
        }
        Answer::Done
    }

    /// The live sessions of a user, oldest first.
    pub(crate) fn members(&self, user: u8) -> Vec<usize> {
        let members = self.members[usize::from(user)].iter().copied();
        members.filter(|member| !self.lives[*member].over).collect()
    }

    pub(crate) fn revoke(&mut self, user: u8, kept: Option<usize>) -> usize {
        let mut members = self.members(user);
        members.retain(|member| Some(*member) != kept);
        members.iter().for_each(|member| self.lives[*member].over = true);
        members.len()
    }

    pub(crate) fn invalidate(&mut self, user: u8) -> usize {
        let members = self.members(user);
        for member in &members {
            let life = &mut self.lives[*member];
            life.roles = None;
            if self.shared {
                life.seen = self.now;
            }
        }
        members.len()
    }
}
