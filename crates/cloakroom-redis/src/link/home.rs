use std::fmt;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cloakroom::store::Tag;
use tokio::sync::Notify;

/// What a link has its server for.
#[derive(Debug)]
pub(crate) struct Home {
    key: Mutex<String>,
    territory: Mutex<Territory>,
    lost: Arc<Notify>,
}

/// The sessions whose records a server has, or that something else concerns.
#[derive(Clone)]
pub(crate) struct Territory {
    has: Arc<dyn Fn(Tag) -> bool + Send + Sync>,
    /// Whether somebody is forgetting its copies.
    walk: Arc<AtomicU8>,
}

impl Home {
    /// `key` is what the link asks for to learn whether its server is still the one to ask; `lost` is
    /// notified when the server says that the key is at home elsewhere.
    pub(crate) fn new(key: String, territory: Territory, lost: Arc<Notify>) -> Arc<Self> {
        Arc::new(Self { key: Mutex::new(key), territory: Mutex::new(territory), lost })
    }

    pub(crate) fn move_to(&self, key: String) {
        *self.key.lock().unwrap_or_else(PoisonError::into_inner) = key;
    }

    pub(crate) fn key(&self) -> String {
        self.key.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn reaches_over(&self, territory: Territory) {
        *self.territory.lock().unwrap_or_else(PoisonError::into_inner) = territory;
    }

    pub(crate) fn territory(&self) -> Territory {
        self.territory.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn lost(&self) {
        self.lost.notify_one();
    }
}

impl Territory {
    pub(crate) fn everything() -> Self {
        Self::of(|_| true)
    }

    pub(crate) fn of(has: impl Fn(Tag) -> bool + Send + Sync + 'static) -> Self {
        Self { has: Arc::new(has), walk: Arc::default() }
    }

    pub(crate) fn has(&self, tag: Tag) -> bool {
        (self.has)(tag)
    }

    /// Its copies are to be forgotten. Answers whether the caller has to see to it: somebody who is at it
    /// begins anew instead, as he may have passed what this is about.
    pub(super) fn is_to_be_forgotten(&self) -> bool {
        self.walk(|walk| if walk == NOBODY { ONCE } else { AGAIN }) == NOBODY
    }

    /// Its copies were forgotten. Answers whether that has to be done again.
    pub(super) fn was_forgotten(&self) -> bool {
        self.walk(|walk| if walk == AGAIN { ONCE } else { NOBODY }) == AGAIN
    }

    /// What it was before.
    fn walk(&self, becomes: impl Fn(u8) -> u8) -> u8 {
        let change = |walk| Some(becomes(walk));
        self.walk.fetch_update(Ordering::AcqRel, Ordering::Acquire, change).unwrap_or_else(|walk| walk)
    }
}

/// Nobody walks over the copies of a territory to forget them.
const NOBODY: u8 = 0;
/// Somebody does.
const ONCE: u8 = 1;
/// Somebody does, and has to do it again.
const AGAIN: u8 = 2;

impl fmt::Debug for Territory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Territory").finish_non_exhaustive()
    }
}
