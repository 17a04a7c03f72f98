//! One client: a cookie jar, connections, and what it has seen.

use std::time::{Duration, Instant};

use hyper::StatusCode;
use parking_lot::Mutex;

use super::http::{Connections, HttpReply, HttpRequest};
use super::revocation::DeadToken;
use crate::Error;
use crate::ledger::{ClientHistory, Entry, Ledger, SessionLedger, WriteOutcome};
use crate::loss::slot_of;
use crate::report::Finding;
use crate::state::{LEASE, ScenarioState};
use crate::view::item_of;

/// The characters of a token that name its session, which no rotation changes.
const TAG: usize = 21;

/// The kinds of writes.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Append,
    Count,
    Note,
}

/// Whether the session is still there for this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Open,
    Gone,
}

#[derive(Debug)]
pub(crate) struct Device<'a> {
    pub(crate) world: &'a ScenarioState,
    pub(crate) books: &'a Mutex<Ledger>,
    pub(crate) owner: u64,
    pub(crate) number: usize,
    pub(crate) token: Option<String>,
    pub(crate) wire: Connections,
    pub(crate) rng: fastrand::Rng,
    pub(crate) seen: ClientHistory,
    /// Only one that has logged in can tell that it is not logged in any more.
    pub(crate) logged_in: bool,
}

impl Device<'_> {
    /// Sends a request to any node and keeps the newest token.
    async fn ask(&mut self, post: bool, path: &str) -> Result<HttpReply, Error> {
        let mut ask = if post {
            HttpRequest::post(path, self.token.as_deref())
        } else {
            HttpRequest::get(path, self.token.as_deref())
        };
        if self.world.aborted_percent > self.rng.u32(..100) {
            ask.patience = Duration::from_micros(self.rng.u64(50..4000));
        }
        self.world.tally.request();
        self.wire.any(&mut self.rng).ask(ask).await
    }

    /// Takes up the token of an answer. Answers whether it is that of another session.
    fn keep(&mut self, token: Option<String>) -> bool {
        let Some(token) = token else { return false };
        let slot = &mut self.books.lock().slot;
        *slot = slot.or_else(|| slot_of(&token));
        let strayed = self.token.as_ref().is_some_and(|old| old.get(..TAG) != token.get(..TAG));
        self.token = Some(token).filter(|token| !token.is_empty());
        strayed
    }

    /// Works for a while, or until the session is gone.
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
        let number = self.books.lock().book(kind).begin(self.number);
        let asked = Instant::now();
        let answer = self.ask(true, &self.path(kind, number)).await;
        let (fate, state) = match answer {
            Err(_) => (WriteOutcome::Unknown, State::Open),
            Ok(answer) if answer.status == StatusCode::OK => return self.written(kind, number, answer, asked),
            Ok(answer) if answer.status == StatusCode::UNAUTHORIZED => (WriteOutcome::Refused, State::Gone),
            Ok(answer) => (self.failed(&answer), State::Open),
        };
        self.books.lock().book(kind).settle(number, fate);
        if state == State::Gone {
            self.mourn(self.token.clone());
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

    /// What an answer that is neither yes nor "the session is over" means for a write.
    fn failed(&mut self, answer: &HttpReply) -> WriteOutcome {
        let expected = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::CONFLICT];
        if !expected.contains(&answer.status) {
            self.world.tally.find(Finding::Odd, || format!("{} for a write", answer.status));
        }
        // One that succeeded in part may still have sent a token.
        self.keep(answer.token.clone());
        if answer.unchanged { WriteOutcome::Refused } else { WriteOutcome::Unknown }
    }

    fn written(&mut self, kind: Kind, number: usize, answer: HttpReply, asked: Instant) -> State {
        let (told, before) = (answer.token.is_some(), self.token.clone());
        if self.keep(answer.token) {
            // Done, but in a session that was begun for it: the old one is over.
            if answer.view.items.as_ref().is_some_and(|items| items.list.len() > 1) {
                self.world.tally.find(Finding::Resurrected, || format!("a new session has items of {}", self.owner));
            }
            self.books.lock().book(kind).settle(number, WriteOutcome::Refused);
            self.mourn(before);
            return State::Gone;
        }
        let mut books = self.books.lock();
        books.book(kind).settle(number, WriteOutcome::Acked(Instant::now()));
        if let Some(ended) = books.over_since(self.world).filter(|ended| asked > *ended) {
            let late = asked - ended;
            self.world.tally.find(Finding::Resurrected, || format!("written {late:?} after the logout"));
        }
        self.seen.take_in(self.world, &mut books, &answer.view, asked, false);
        self.seen.was_told(told);
        State::Open
    }

    pub(crate) async fn read(&mut self) -> State {
        let asked = Instant::now();
        let Ok(answer) = self.ask(false, "/view").await else { return State::Open };
        if answer.status == StatusCode::UNAUTHORIZED {
            // It ended while its values were being read.
            self.mourn(self.token.clone());
            return State::Gone;
        }
        if answer.status != StatusCode::OK {
            if answer.status != StatusCode::SERVICE_UNAVAILABLE {
                self.world.tally.find(Finding::Odd, || format!("{} for a read", answer.status));
            }
            return State::Open;
        }
        let (told, before) = (answer.token.is_some(), self.token.clone());
        let strayed = self.keep(answer.token);
        if strayed || (self.logged_in && answer.view.principal.is_none()) {
            self.mourn(before);
            return State::Gone;
        }
        let mut books = self.books.lock();
        if let Some(ended) = books.over_since(self.world).filter(|ended| asked > *ended + LEASE) {
            let late = asked - ended;
            self.world.tally.find(Finding::Late, || format!("read {late:?} after the logout"));
        }
        self.seen.take_in(self.world, &mut books, &answer.view, asked, true);
        self.seen.was_told(told);
        State::Open
    }

    /// Logs in. `false` if the client cannot know which token it has now.
    pub(crate) async fn login(&mut self) -> bool {
        let sent = Instant::now();
        let before = self.books.lock().entered.replace((sent, None));
        let path = format!("/login?owner={}", self.owner);
        let Ok(answer) = self.ask(true, &path).await else { return false };
        if answer.status != StatusCode::OK {
            return false;
        }
        self.logged_in = true;
        if self.keep(answer.token) {
            // It began another session: what is missing is the one that the login before this one belongs to, whose
            // token is dead in any case.
            self.books.lock().entered = before;
            self.mourn(None);
        } else {
            self.books.lock().entered = Some((sent, Some(Instant::now())));
        }
        true
    }

    /// Asks for a logout once. `true` if it is done.
    pub(crate) async fn logout(&mut self) -> bool {
        let answer = self.ask(true, "/logout").await;
        // The token is kept: it is what must not open anything any more.
        answer.is_ok_and(|answer| answer.status == StatusCode::OK)
    }

    /// The session does not open any more. If nobody has ended it, it was lost.
    fn mourn(&self, token: Option<String>) {
        let mut books = self.books.lock();
        if books.leaving.is_some() || std::mem::replace(&mut books.given_up, true) {
            return;
        }
        // What one node does not find any more must not open at another one for longer than a lease.
        self.world.dead_tokens.lock().extend(token.map(|token| DeadToken::new(token, Instant::now())));
        let tally = &self.world.tally;
        let login = books.login();
        let is_excused = |entry: &Entry| self.world.excuses_end(entry.operation(books.slot), login);
        let (excused, lost): (Vec<_>, Vec<_>) =
            books.all().filter(|entry| entry.is_acked()).partition::<Vec<&Entry>, _>(|entry| is_excused(entry));
        tally.find_excused(excused.len() as u64);
        for entry in &lost {
            tally.find(Finding::Lost, || format!("{entry:?} with all of the session of {}", self.owner));
        }
        let began = login.or_else(|| books.all().next().map(|entry| entry.operation(books.slot)));
        if lost.is_empty() && began.is_some_and(|began| !self.world.excuses_end(began, login)) {
            tally.find(Finding::Odd, || format!("the session of {} does not open", self.owner));
        }
        tally.verify(&books);
    }
}

impl Ledger {
    fn book(&mut self, kind: Kind) -> &mut SessionLedger {
        match kind {
            Kind::Append => &mut self.items,
            Kind::Count => &mut self.count,
            Kind::Note => &mut self.note,
        }
    }
}
