use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;

use crate::cache::{Cell, State};
use crate::identity::Principal;
use crate::store::{Limit, LimitPolicy};
use crate::sync::{Arc, Mutex, Weak};

const SHARDS: usize = 64;

/// Who has which sessions, where there is no shared tier to know it.
#[derive(Debug)]
pub(crate) struct Index {
    hasher: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

/// Members in the order of their admission.
type Shard = HashMap<Principal, Vec<Weak<Cell>>>;

/// The answer to a request for admission.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// Welcome; these must go.
    Yes(Vec<Arc<Cell>>),
    /// The limit is reached.
    No,
}

impl Index {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), shards: (0..SHARDS).map(|_| Mutex::default()).collect() }
    }

    /// Enters a session, atomically with the limit.
    pub(crate) fn admit(&self, principal: &Principal, cell: &Arc<Cell>, limit: Option<Limit>) -> Admitted {
        let mut shard = self.shard(principal).lock();
        let members = shard.entry(principal.clone()).or_default();
        members.retain(is_alive);
        if members.iter().any(|member| Weak::as_ptr(member) == Arc::as_ptr(cell)) {
            return Admitted::Yes(Vec::new());
        }
        let allowed = limit.map_or(usize::MAX, |limit| limit.count.get() as usize);
        let excess = (members.len() + 1).saturating_sub(allowed);
        if excess > 0 && limit.is_some_and(|limit| limit.when_reached == LimitPolicy::Reject) {
            return Admitted::No;
        }
        let displaced = members.drain(..excess).filter_map(|member| member.upgrade()).collect();
        // Room for the one that most have, and not for four as a list takes by itself.
        if members.is_empty() {
            members.reserve_exact(1);
        }
        members.push(Arc::downgrade(cell));
        Admitted::Yes(displaced)
    }

    /// Takes a session out. Harmless if it is not there.
    pub(crate) fn dismiss(&self, principal: &Principal, cell: &Cell) {
        let mut shard = self.shard(principal).lock();
        let Some(members) = shard.get_mut(principal) else { return };
        members.retain(|member| !std::ptr::eq(Weak::as_ptr(member), cell));
        if members.is_empty() {
            shard.remove(principal);
        }
    }

    /// The live sessions of a principal, oldest admission first.
    pub(crate) fn members(&self, principal: &Principal) -> Vec<Arc<Cell>> {
        let shard = self.shard(principal).lock();
        let Some(members) = shard.get(principal) else { return Vec::new() };
        members.iter().filter_map(Weak::upgrade).collect()
    }

    fn shard(&self, principal: &Principal) -> &Mutex<Shard> {
        &self.shards[self.hasher.hash_one(principal) as usize % SHARDS]
    }
}

fn is_alive(member: &Weak<Cell>) -> bool {
    member.upgrade().is_some_and(|cell| !matches!(**cell.state(), State::Ended(_)))
}
