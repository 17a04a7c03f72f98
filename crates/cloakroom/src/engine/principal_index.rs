//! The index of sessions by principal, for use without a shared tier.

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::hash::BuildHasher;

use crate::cache::{Account, Entry, ResizingLines};
use crate::store::{Admission, BATCH, Cursor, Limit, LimitPolicy, Page, PageRequest};
use crate::sync::{Arc, AtomicU64, Mutex, Ordering, Weak};
use crate::token::{Principal, Selector};

/// Number of shards of the index, each with a lock of its own.
#[cfg(not(cloakroom_shuttle))]
const SHARDS: usize = 1024;
/// Number of shards. The schedule explorer takes a step for each lock of a scan.
#[cfg(cloakroom_shuttle)]
const SHARDS: usize = 2;
/// Number of members that each admission checks for being dead.
const PROBES_PER_ADMISSION: usize = 16;

/// Index of the sessions of each principal, without a shared tier that keeps one.
///
/// The time that an operation takes hardly grows with the number of the principal's sessions, and no
/// login waits while a shard grows.
#[derive(Debug)]
pub(crate) struct PrincipalIndex {
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
    admissions: AtomicU64,
}

/// The principals of a shard. The standard library's map would move all of them at once when it grows.
type Shard = ResizingLines<PrincipalMembers>;

/// A principal and its sessions.
#[derive(Debug)]
struct PrincipalMembers {
    principal: Principal,
    members: Members,
}

/// The position of a list of all principals that continues.
#[derive(Clone, Copy)]
struct Position {
    shard: usize,
    hash: u64,
}

impl Position {
    /// Parses the text of a position, in its only spelling.
    fn parse(text: &str) -> Option<Self> {
        let (shard, hash) = text.split_once('.')?;
        let position = Self { shard: shard.parse().ok()?, hash: hash.parse().ok()? };
        (position.shard < SHARDS && position.to_string() == text).then_some(position)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.shard, self.hash)
    }
}

/// The sessions of a principal: one, as in most cases, or many.
#[derive(Debug)]
enum Members {
    One(u64, Weak<Entry>),
    Many(Box<Many>),
}

/// Members in the order of their admission.
#[derive(Debug, Default)]
struct Many {
    by_admission: BTreeMap<u64, (Selector, Weak<Entry>)>,
    admissions: HashMap<Selector, u64>,
    /// Admission at which the next search for dead members begins.
    probe: u64,
    account: Arc<Account>,
}

impl PrincipalIndex {
    pub(crate) fn new() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            admissions: AtomicU64::new(1),
        }
    }

    /// Adds a session, atomically with the check of the limit.
    pub(crate) fn add(&self, principal: &Principal, entry: &Arc<Entry>, limit: Option<Limit>) -> Admission {
        let admission = self.admissions.fetch_add(1, Ordering::Relaxed);
        let member = Arc::downgrade(entry);
        let hash = self.hasher.hash_one(principal);
        let mut shard = self.shard(hash).lock();
        if let Some(present) = shard.find_mut(hash, |present| present.principal == *principal) {
            return present.members.admit(admission, entry.selector, member, limit);
        }
        let added = PrincipalMembers { principal: principal.clone(), members: Members::One(admission, member) };
        shard.insert(hash, added, |present| self.hasher.hash_one(&present.principal));
        Admission::Admitted { displaced: Vec::new() }
    }

    /// Removes a session. Does nothing if it is not a member.
    pub(crate) fn remove(&self, principal: &Principal, entry: &Entry) {
        let hash = self.hasher.hash_one(principal);
        let is_sought = |present: &PrincipalMembers| present.principal == *principal;
        let mut shard = self.shard(hash).lock();
        if shard.find_mut(hash, is_sought).is_some_and(|present| present.members.remove(entry)) {
            shard.remove(hash, is_sought, |present| self.hasher.hash_one(&present.principal));
        }
    }

    /// Returns the live sessions of a principal, oldest admission first. `None` if the cursor is
    /// not valid.
    pub(crate) fn members(&self, principal: &Principal, page: &PageRequest) -> Option<Page<Arc<Entry>>> {
        let after = page.after.as_ref().map_or(Some(0), |cursor| cursor.as_str().parse().ok())?;
        let listed = self.with_members(principal, |members| members.after(after, page.limit.get()));
        let Some(listed) = listed else { return Some(Page::last(Vec::new())) };
        let next = listed.last().filter(|_| listed.len() == page.limit.get());
        let next = next.map(|(admission, _)| Cursor::new(admission.to_string()));
        Some(Page::new(listed.into_iter().filter_map(|(_, member)| member.upgrade()).collect(), next))
    }

    /// Returns the principals with sessions, shard by shard, in the order of their hashes. `None` if
    /// the cursor is not valid.
    pub(crate) fn principals(&self, page: &PageRequest) -> Option<Page<Principal>> {
        let after =
            page.after.as_ref().map(|cursor| Position::parse(cursor.as_str())).map_or(Some(None), |it| it.map(Some))?;
        let start = after.map_or(0, |after| after.shard);
        let (mut items, mut last) = (Vec::new(), None);
        for (number, shard) in self.shards.iter().enumerate().skip(start) {
            let mut rest: Vec<_> = {
                let shard = shard.lock();
                let hashed = shard.iter().map(|present| (self.hasher.hash_one(&present.principal), present));
                let after = after.filter(|after| after.shard == number);
                let rest = hashed.filter(|(hash, _)| after.is_none_or(|after| *hash > after.hash));
                rest.map(|(hash, present)| (hash, present.principal.clone())).collect()
            };
            rest.sort_unstable_by_key(|(hash, _)| *hash);
            for (hash, principal) in rest {
                // Principals with the same hash are on one page.
                let is_next = last.is_none_or(|last: Position| last.hash != hash);
                if is_next && items.len() >= page.limit.get() {
                    return Some(Page::new(items, last.map(|last| Cursor::new(last.to_string()))));
                }
                items.push(principal);
                last = Some(Position { shard: number, hash });
            }
        }
        Some(Page::last(items))
    }

    /// Returns the memory account of a principal, if it has several sessions.
    pub(crate) fn account(&self, principal: &Principal) -> Option<Arc<Account>> {
        self.with_members(principal, |members| match members {
            Members::One(..) => None,
            Members::Many(many) => Some(Arc::clone(&many.account)),
        })?
    }

    /// Returns the oldest session of a principal, not counting `spared`.
    pub(crate) fn oldest_but(&self, principal: &Principal, spared: &Entry) -> Option<Arc<Entry>> {
        let oldest = self.with_members(principal, |members| members.after(0, 2))?;
        let mut oldest = oldest.into_iter().filter_map(|(_, member)| member.upgrade());
        oldest.find(|entry| !std::ptr::eq(&raw const **entry, spared))
    }

    /// Reads the members of a principal, if it has any, under the lock of its shard.
    fn with_members<R>(&self, principal: &Principal, read: impl FnOnce(&Members) -> R) -> Option<R> {
        let hash = self.hasher.hash_one(principal);
        let shard = self.shard(hash).lock();
        shard.find(hash, |present| present.principal == *principal).map(|present| read(&present.members))
    }

    const fn shard(&self, hash: u64) -> &Mutex<Shard> {
        &self.shards[hash as usize % SHARDS]
    }
}

impl Members {
    fn admit(&mut self, admission: u64, selector: Selector, member: Weak<Entry>, limit: Option<Limit>) -> Admission {
        let many = match self {
            Self::One(_, present) if !is_alive(present) => {
                *self = Self::One(admission, member);
                return Admission::Admitted { displaced: Vec::new() };
            }
            Self::One(_, present) if Weak::ptr_eq(present, &member) => {
                return Admission::Admitted { displaced: Vec::new() };
            }
            Self::One(first, present) => {
                let mut many = Many::default();
                if let Some(entry) = present.upgrade() {
                    many.insert(*first, entry.selector, Weak::clone(present));
                }
                *self = Self::Many(Box::new(many));
                return self.admit(admission, selector, member, limit);
            }
            Self::Many(many) => many,
        };
        many.probe();
        if many.has(selector, &member) {
            return Admission::Admitted { displaced: Vec::new() };
        }
        let places = limit.map_or(usize::MAX, |limit| limit.count.get() as usize);
        let excess = (many.by_admission.len() + 1).saturating_sub(places);
        if excess > 0 && limit.is_some_and(|limit| limit.when_reached == LimitPolicy::Reject) {
            return Admission::Refused;
        }
        let displaced = many.take_oldest(excess.min(BATCH));
        if displaced.len() < excess {
            return Admission::Incomplete { displaced };
        }
        many.insert(admission, selector, member);
        Admission::Admitted { displaced }
    }

    /// Removes a session. Returns `true` if no member is left.
    fn remove(&mut self, entry: &Entry) -> bool {
        match self {
            Self::One(_, member) => std::ptr::eq(Weak::as_ptr(member), entry),
            Self::Many(many) => {
                many.remove(entry.selector);
                many.by_admission.is_empty()
            }
        }
    }

    fn after(&self, admission: u64, count: usize) -> Vec<(u64, Weak<Entry>)> {
        match self {
            Self::One(only, member) if *only > admission => vec![(*only, Weak::clone(member))],
            Self::One(..) => Vec::new(),
            Self::Many(many) => {
                let after = many.by_admission.range(admission.saturating_add(1)..).take(count);
                after.map(|(admission, (_, member))| (*admission, Weak::clone(member))).collect()
            }
        }
    }
}

impl Many {
    fn has(&self, selector: Selector, member: &Weak<Entry>) -> bool {
        let present = self.admissions.get(&selector).and_then(|admission| self.by_admission.get(admission));
        present.is_some_and(|(_, present)| Weak::ptr_eq(present, member))
    }

    fn insert(&mut self, admission: u64, selector: Selector, member: Weak<Entry>) {
        self.remove(selector);
        self.by_admission.insert(admission, (selector, member));
        self.admissions.insert(selector, admission);
    }

    fn remove(&mut self, selector: Selector) {
        if let Some(admission) = self.admissions.remove(&selector) {
            self.by_admission.remove(&admission);
        }
    }

    /// Removes the dead among the next few members, in rotation. A session that ends is normally
    /// removed by then; this finds the ones that were not.
    fn probe(&mut self) {
        let probed = self.by_admission.range(self.probe..).take(PROBES_PER_ADMISSION);
        let probed: Vec<_> =
            probed.map(|(admission, (selector, member))| (*admission, *selector, is_alive(member))).collect();
        self.probe = match probed.last() {
            Some((last, ..)) if probed.len() == PROBES_PER_ADMISSION => last + 1,
            _ => 0,
        };
        probed.into_iter().filter(|(.., alive)| !alive).for_each(|(_, selector, _)| self.remove(selector));
    }

    fn take_oldest(&mut self, count: usize) -> Vec<Selector> {
        let oldest: Vec<_> = self.by_admission.values().take(count).map(|(selector, _)| *selector).collect();
        oldest.iter().for_each(|selector| self.remove(*selector));
        oldest
    }
}

/// Returns `true` unless the member's entry is gone or its session has ended.
fn is_alive(member: &Weak<Entry>) -> bool {
    member.upgrade().is_some_and(|entry| entry.end_reason().is_none())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cache::EntryState;
    use crate::cache::tests::builders::{at, selector};

    fn entry(number: u64) -> Arc<Entry> {
        Arc::new(Entry::new(selector(number), EntryState::unread(), at(0)))
    }

    fn all(index: &PrincipalIndex) -> Vec<Principal> {
        let (mut listed, mut page) = (Vec::new(), PageRequest::first(700));
        loop {
            let Page { items, next, .. } = index.principals(&page).expect("the cursor is valid");
            listed.extend(items);
            let Some(cursor) = next else { return listed };
            page = page.after(cursor);
        }
    }

    /// More principals than a shard has room for at first, so that each shard grows and shrinks.
    #[test]
    fn many_principals_come_and_go() {
        const COUNT: u64 = 20_000;
        let index = PrincipalIndex::new();
        let sessions: Vec<_> =
            (0..COUNT).map(|number| (Principal::new(format!("user-{number}")), entry(number))).collect();
        for (principal, session) in &sessions {
            assert_eq!(index.add(principal, session, None), Admission::Admitted { displaced: Vec::new() });
        }
        let listed = all(&index);
        assert_eq!(listed.len(), sessions.len(), "each is listed once");
        assert_eq!(listed.into_iter().collect::<BTreeSet<_>>().len(), sessions.len());
        for (principal, session) in &sessions[10..] {
            index.remove(principal, session);
            index.remove(principal, session);
        }
        let (mut left, mut expected) = (all(&index), Vec::from_iter(sessions[..10].iter().map(|(it, _)| it.clone())));
        left.sort_unstable();
        expected.sort_unstable();
        assert_eq!(left, expected);
        for (principal, session) in &sessions[..10] {
            let members = index.members(principal, &PageRequest::first(10)).expect("the cursor is valid").items;
            assert!(members.len() == 1 && Arc::ptr_eq(&members[0], session));
        }
        // One of two sessions ends.
        let (principal, first) = &sessions[0];
        let second = entry(COUNT);
        index.add(principal, &second, None);
        index.remove(principal, first);
        let members = index.members(principal, &PageRequest::first(10)).expect("the cursor is valid").items;
        assert!(members.len() == 1 && Arc::ptr_eq(&members[0], &second));
        let gone = index.members(&sessions[10].0, &PageRequest::first(10)).expect("the cursor is valid");
        assert!(gone.items.is_empty());
    }
}
