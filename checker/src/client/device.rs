//! One client: a cookie jar, connections, and the values it has seen.

use std::time::{Duration, Instant};

use hyper::StatusCode;
use parking_lot::Mutex;

use super::http::{Connections, HttpReply, HttpRequest};
use super::revocation::DeadToken;
use crate::Error;
use crate::ledger::{ClientHistory, Entry, SessionLedger, WriteLog, WriteOutcome};
use crate::loss::slot_of;
use crate::report::Finding;
use crate::state::{LEASE, ScenarioState};
use crate::view::item_of;

/// Number of characters of a token that identify its session and survive a rotation.
const SELECTOR_CHARS: usize = 21;

/// The kinds of writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Append,
    Count,
    Note,
}

/// Tells whether the session still exists for this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Gone,
}

#[derive(Debug)]
pub(crate) struct Device<'a> {
    pub(crate) scenario: &'a ScenarioState,
    pub(crate) ledger: &'a Mutex<SessionLedger>,
    pub(crate) owner: u64,
    pub(crate) number: usize,
    pub(crate) token: Option<String>,
    pub(crate) connections: Connections,
    pub(crate) rng: fastrand::Rng,
    pub(crate) seen: ClientHistory,
    /// Set after a login: only then does a view without a principal mean that the session is gone.
    pub(crate) logged_in: bool,
}

impl Device<'_> {
    /// Sends a request to a random node.
    async fn ask(&mut self, post: bool, path: &str) -> Result<HttpReply, Error> {
        let mut ask = if post {
            HttpRequest::post(path, self.token.as_deref())
        } else {
            HttpRequest::get(path, self.token.as_deref())
        };
        if self.scenario.aborted_percent > self.rng.u32(..100) {
            ask.patience = Duration::from_micros(self.rng.u64(50..4000));
        }
        self.scenario.tally.request();
        self.connections.any(&mut self.rng).ask(ask).await
    }

    /// Stores the token of a reply. Returns `true` if it belongs to another session.
    fn store_token(&mut self, token: Option<String>) -> bool {
        let Some(token) = token else { return false };
        let slot = &mut self.ledger.lock().slot;
        *slot = slot.or_else(|| slot_of(&token));
        let other_session =
            self.token.as_ref().is_some_and(|old| old.get(..SELECTOR_CHARS) != token.get(..SELECTOR_CHARS));
        self.token = Some(token).filter(|token| !token.is_empty());
        other_session
    }

    /// Sends a number of requests, or fewer if the session is gone.
    pub(crate) async fn work(&mut self, steps: u32) -> State {
        for _ in 0..steps {
            let state = match self.rng.u32(..100) {
                0..45 => self.write(Kind::Append).await,
                45..65 => self.write(Kind::Count).await,
                65..70 => self.write(Kind::Note).await,
                _ => self.read().await,
            };
            if state == State::Gone {
                return State::Gone;
            }
        }
        State::Open
    }

    pub(crate) async fn write(&mut self, kind: Kind) -> State {
        let number = self.ledger.lock().writes(kind).begin(self.number);
        let asked = Instant::now();
        let answer = self.ask(true, &self.path(kind, number)).await;
        let (outcome, state) = match answer {
            Err(_) => (WriteOutcome::Unknown, State::Open),
            Ok(answer) if answer.status == StatusCode::OK => return self.written(kind, number, answer, asked),
            Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => (WriteOutcome::Refused, State::Gone),
            Ok(answer) => (self.failed(&answer), State::Open),
        };
        self.ledger.lock().writes(kind).settle(number, outcome);
        if state == State::Gone {
            self.on_session_gone(self.token.clone());
        }
        state
    }

    fn path(&self, kind: Kind, number: usize) -> String {
        match kind {
            Kind::Append => format!("/append?owner={}&item={}", self.owner, item_of(self.owner, number)),
            Kind::Count => format!("/count?owner={}", self.owner),
            Kind::Note => format!("/note?owner={}&item={number}", self.owner),
        }
    }

    /// The outcome of a write whose status is neither success nor "unauthorized".
    fn failed(&mut self, answer: &HttpReply) -> WriteOutcome {
        let expected = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::CONFLICT];
        if !expected.contains(&answer.status) {
            self.scenario.tally.find(Finding::Odd, || format!("status {} for a write", answer.status));
        }
        // A write that succeeded in part may still have sent a token.
        self.store_token(answer.token.clone());
        if answer.unchanged { WriteOutcome::Refused } else { WriteOutcome::Unknown }
    }

    fn written(&mut self, kind: Kind, number: usize, answer: HttpReply, asked: Instant) -> State {
        let (got_token, before) = (answer.token.is_some(), self.token.clone());
        if self.store_token(answer.token) {
            // The write succeeded, but in a new session: the old one has ended.
            if answer.view.items.as_ref().is_some_and(|items| items.list.len() > 1) {
                self.scenario.tally.find(Finding::Resurrected, || format!("a new session has items of {}", self.owner));
            }
            self.ledger.lock().writes(kind).settle(number, WriteOutcome::Refused);
            self.on_session_gone(before);
            return State::Gone;
        }
        let mut ledger = self.ledger.lock();
        ledger.writes(kind).settle(number, WriteOutcome::Acked(Instant::now()));
        if let Some(ended) = ledger.over_since(self.scenario).filter(|ended| asked > *ended) {
            let late = asked - ended;
            self.scenario.tally.find(Finding::Resurrected, || format!("written {late:?} after the logout"));
        }
        self.seen.check_view(self.scenario, &mut ledger, &answer.view, asked, false);
        self.seen.record_token(got_token);
        State::Open
    }

    pub(crate) async fn read(&mut self) -> State {
        let asked = Instant::now();
        let Ok(answer) = self.ask(false, "/view").await else { return State::Open };
        if answer.status == StatusCode::UNAUTHORIZED {
            // The session ended while its values were being read.
            self.on_session_gone(self.token.clone());
            return State::Gone;
        }
        if answer.status != StatusCode::OK {
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                self.scenario.tally.find(Finding::Odd, || format!("status {} for a read", answer.status));
            }
            return State::Open;
        }
        let (got_token, before) = (answer.token.is_some(), self.token.clone());
        let other_session = self.store_token(answer.token);
        if other_session || (self.logged_in && answer.view.principal.is_none()) {
            self.on_session_gone(before);
            return State::Gone;
        }
        let mut ledger = self.ledger.lock();
        if let Some(ended) = ledger.over_since(self.scenario).filter(|ended| asked > *ended + LEASE) {
            let late = asked - ended;
            self.scenario.tally.find(Finding::Late, || format!("read {late:?} after the logout"));
        }
        self.seen.check_view(self.scenario, &mut ledger, &answer.view, asked, true);
        self.seen.record_token(got_token);
        State::Open
    }

    /// Logs in. Returns `false` if the client cannot know which token is current.
    pub(crate) async fn login(&mut self) -> bool {
        let sent = Instant::now();
        let before = self.ledger.lock().last_login.replace((sent, None));
        let path = format!("/login?owner={}", self.owner);
        let Ok(answer) = self.ask(true, &path).await else { return false };
        if answer.status != StatusCode::OK {
            return false;
        }
        self.logged_in = true;
        if self.store_token(answer.token) {
            // The login began a new session. The missing one is that of the previous login, whose
            // token is dead in any case.
            self.ledger.lock().last_login = before;
            self.on_session_gone(None);
        } else {
            self.ledger.lock().last_login = Some((sent, Some(Instant::now())));
        }
        true
    }

    /// Requests a logout once. The client keeps the token, because the checks after the logout need
    /// it.
    pub(crate) async fn logout(&mut self) -> Result<HttpReply, Error> {
        self.ask(true, "/logout").await
    }

    /// Returns `true` if the server may have lost the login that made the client's token. Such a
    /// token opens nothing, so it cannot end what is left of the session either.
    pub(crate) fn has_lost_login(&self) -> bool {
        self.ledger.lock().login().is_some_and(|login| self.scenario.excuses(login))
    }

    /// Records that the session no longer opens. If no logout was sent, the session was lost.
    fn on_session_gone(&self, token: Option<String>) {
        let mut ledger = self.ledger.lock();
        if ledger.logout_sent.is_some() || std::mem::replace(&mut ledger.loss_reported, true) {
            return;
        }
        // A session that one node does not find must not open at another one for longer than a
        // lease.
        self.scenario.dead_tokens.lock().extend(token.map(|token| DeadToken::new(token, Instant::now())));
        let tally = &self.scenario.tally;
        let login = ledger.login();
        let is_excused = |entry: &Entry| self.scenario.excuses_end(entry.operation(ledger.slot), login);
        let (excused, lost): (Vec<_>, Vec<_>) =
            ledger.all().filter(|entry| entry.is_acked()).partition::<Vec<&Entry>, _>(|entry| is_excused(entry));
        tally.find_excused(excused.len() as u64);
        for entry in &lost {
            tally.find(Finding::Lost, || format!("{entry:?} with the whole session of {}", self.owner));
        }
        let began = login.or_else(|| ledger.all().next().map(|entry| entry.operation(ledger.slot)));
        if lost.is_empty() && began.is_some_and(|began| !self.scenario.excuses_end(began, login)) {
            tally.find(Finding::Odd, || format!("the session of {} does not open", self.owner));
        }
        tally.verify(&ledger);
    }
}

impl SessionLedger {
    fn writes(&mut self, kind: Kind) -> &mut WriteLog {
        match kind {
            Kind::Append => &mut self.items,
            Kind::Count => &mut self.count,
            Kind::Note => &mut self.note,
        }
    }
}
