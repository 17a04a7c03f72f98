use std::collections::HashMap;

use cloakroom::Timestamp;
use cloakroom::store::{
    Admission, Commit, Cursor, Decision, Destroyed, Guard, Limit, Member, Page, PageRequest, Principal, Record,
    Selector, Summary, Touch,
};

use super::index::Index;

/// The whole content of the store, shared by all nodes.
#[derive(Default)]
pub(super) struct Records {
    stored: HashMap<Selector, StoredRecord>,
    pub(super) index: Index,
}

struct StoredRecord {
    record: Record,
    /// On the store's own clock, independent of the callers' clocks.
    ends: Timestamp,
}

impl StoredRecord {
    fn new(record: Record, now: Timestamp) -> Self {
        let ends = record.lifetimes.store_deadline(now);
        Self { record, ends }
    }

    fn commit(&mut self, commit: &Commit, now: Timestamp) -> Decision {
        let decision = self.record.decide(commit, now);
        if decision == Decision::Apply {
            self.record.apply(commit);
            self.restart_idle(now);
        }
        decision
    }

    fn lives(&self, now: Timestamp) -> bool {
        now < self.ends
    }

    fn restart_idle(&mut self, now: Timestamp) {
        self.ends = self.record.lifetimes.store_deadline(now);
    }
}

impl Records {
    /// The record if it is live. One whose time is over is removed here.
    pub(super) fn live(&mut self, selector: Selector, now: Timestamp) -> Option<&Record> {
        self.live_mut(selector, now).map(|stored| &stored.record)
    }

    fn live_mut(&mut self, selector: Selector, now: Timestamp) -> Option<&mut StoredRecord> {
        if !self.is_live(selector, now) {
            self.stored.remove(&selector);
        }
        self.stored.get_mut(&selector)
    }

    fn is_live(&self, selector: Selector, now: Timestamp) -> bool {
        self.stored.get(&selector).is_some_and(|stored| stored.lives(now))
    }

    /// Inserts a record if its selector is free. Returns `true` if the record is in the store
    /// afterwards.
    pub(super) fn create(&mut self, selector: Selector, record: Record, now: Timestamp) -> bool {
        if let Some(present) = self.live(selector, now) {
            return present.nonce == record.nonce;
        }
        self.put(selector, record, now);
        true
    }

    /// Applies a commit. `None` if there is no live record; otherwise the decision, and the record
    /// afterwards.
    pub(super) fn commit(
        &mut self,
        selector: Selector,
        commit: &Commit,
        now: Timestamp,
    ) -> Option<(Decision, &Record)> {
        let stored = self.live_mut(selector, now)?;
        let decision = stored.commit(commit, now);
        Some((decision, &stored.record))
    }

    /// Applies a touch. Returns `true` if it changed a record.
    pub(super) fn touch(&mut self, touch: Touch, now: Timestamp) -> bool {
        let Some(stored) = self.live_mut(touch.selector, now) else { return false };
        if !stored.record.admits(touch.guard, now.max(touch.seen)) {
            return false;
        }
        stored.record.last_seen = stored.record.last_seen.max(touch.seen);
        stored.restart_idle(now);
        true
    }

    pub(super) fn destroy(&mut self, selector: Selector, guard: Guard, now: Timestamp) -> Destroyed {
        let Some(record) = self.live(selector, now) else { return Destroyed::Gone };
        // As for a commit: a grace period that is over by either instant is over, because this
        // clock may lag.
        if !record.admits(guard, now) {
            return Destroyed::Superseded;
        }
        self.stored.remove(&selector);
        Destroyed::Done
    }

    /// A live member that is logged in as another principal stays in the index: it may be about to
    /// log in.
    pub(super) fn admit(
        &mut self,
        principal: &Principal,
        selector: Selector,
        limit: Option<Limit>,
        now: Timestamp,
    ) -> Admission {
        let stored = &self.stored;
        self.index
            .admit(principal, selector, limit, |selector| stored.get(selector).is_some_and(|stored| stored.lives(now)))
    }

    /// One page of the members of a principal. `None` if the cursor is not valid.
    pub(super) fn members(
        &mut self,
        principal: &Principal,
        page: &PageRequest,
        now: Timestamp,
    ) -> Option<Page<Member>> {
        let after = page.after.as_ref().map_or(Some(0), |cursor| cursor.as_str().parse().ok())?;
        let listed = self.index.after(principal, after, page.limit.get());
        let next = listed.last().filter(|_| listed.len() == page.limit.get());
        let next = next.map(|(admission, _)| Cursor::new(admission.to_string()));
        let mut items = Vec::new();
        for (_, selector) in listed {
            match self.live(selector, now) {
                None => self.index.dismiss(principal, selector),
                Some(record) if is_somebody_elses(record, principal) => {}
                Some(record) => items.push(Member::new(selector, Ok(Summary::from(record)))),
            }
        }
        Some(Page::new(items, next))
    }

    /// One page of all live sessions, by selector. `None` if the cursor is not valid.
    pub(super) fn list(&self, page: &PageRequest, now: Timestamp) -> Option<Page<Selector>> {
        let after = page.after.as_ref().map_or(Some(None), |cursor| position_of(cursor).map(Some))?;
        let live = self.stored.iter().filter(|(_, stored)| stored.lives(now)).map(|(selector, _)| position(*selector));
        let mut rest: Vec<_> = live.filter(|position| after.is_none_or(|after| *position > after)).collect();
        rest.sort_unstable();
        let continues = rest.len() > page.limit.get();
        rest.truncate(page.limit.get());
        let next = rest.last().filter(|_| continues).map(|last| Cursor::new(format!("{last:032x}")));
        let items = rest.into_iter().map(|position| Selector::from_bytes(position.to_be_bytes())).collect();
        Some(Page::new(items, next))
    }

    /// Number of live sessions.
    pub(super) fn count(&self, now: Timestamp) -> usize {
        self.stored.values().filter(|stored| stored.lives(now)).count()
    }

    /// Stores a record unconditionally; its idle timeout starts now.
    pub(super) fn put(&mut self, selector: Selector, record: Record, now: Timestamp) {
        self.stored.insert(selector, StoredRecord::new(record, now));
    }

    /// Removes expired records, and their index entries. Returns the number of records.
    pub(super) fn purge(&mut self, now: Timestamp) -> usize {
        let before = self.stored.len();
        self.stored.retain(|_, stored| stored.lives(now));
        let stored = &self.stored;
        self.index.retain(|selector| stored.contains_key(selector));
        before - self.stored.len()
    }

    pub(super) fn len(&self) -> usize {
        self.stored.len()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Selector, &Record)> {
        self.stored.iter().map(|(selector, stored)| (selector, &stored.record))
    }
}

fn position(selector: Selector) -> u128 {
    u128::from_be_bytes(*selector.as_bytes())
}

fn position_of(cursor: &Cursor) -> Option<u128> {
    let position = u128::from_str_radix(cursor.as_str(), 16).ok()?;
    (format!("{position:032x}") == cursor.as_str()).then_some(position)
}

fn is_somebody_elses(record: &Record, principal: &Principal) -> bool {
    record.authentication.as_ref().is_some_and(|authentication| authentication.principal != *principal)
}
