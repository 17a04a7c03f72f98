//! The masters of a cluster, each with a link of its own, and which of them has which slot.

mod map;
mod redirection;
mod survey;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

use cloakroom::store::{Lease, StoreError, StoreErrorKind};
use redis::{ConnectionInfo, RedisResult, Value};
use tokio::sync::Notify;

use super::slots::{Range, slot_of, slot_of_tag};
use super::{Manner, Question};
use crate::address;
use crate::link::{Home, Link, Origin, Settings, Territory};
use map::{Address, Map, Master};
use redirection::{Next, put};
use survey::keep_map;

/// How often one question follows the servers' directions before it is given up.
const DIRECTIONS: usize = 8;
/// How long to wait before a question is put again to a server that is busy with a change of the cluster.
const MOMENT: Duration = Duration::from_millis(25);

/// A cluster as a whole.
#[derive(Debug)]
pub(crate) struct Cluster {
    settings: Arc<Settings>,
    /// Where to ask when nobody who is known answers.
    seed: ConnectionInfo,
    more_seeds: Vec<ConnectionInfo>,
    map: RwLock<Map>,
    /// Somebody noticed that the map is wrong.
    stale: Arc<Notify>,
    /// Notified whenever the map was read anew.
    refreshed: Notify,
}

impl Cluster {
    /// Reads the map from the first seed that answers.
    pub(crate) async fn start(
        seed: ConnectionInfo,
        more_seeds: Vec<ConnectionInfo>,
        settings: Arc<Settings>,
    ) -> RedisResult<Arc<Self>> {
        let cluster = Arc::new(Self {
            settings,
            seed,
            more_seeds,
            map: RwLock::default(),
            stale: Arc::new(Notify::new()),
            refreshed: Notify::new(),
        });
        let map = cluster.read_map().await?;
        // Later, a link to such a server stays down, and says why.
        for range in &map {
            let named = cluster.reach(&(range.host.clone(), range.port));
            address::refuse_exposed(&named, cluster.settings.plaintext)?;
        }
        cluster.take_in(map);
        tokio::spawn(keep_map(Arc::downgrade(&cluster), Arc::clone(&cluster.stale)));
        Ok(cluster)
    }

    pub(super) async fn ask(
        &self,
        key: &str,
        question: &Question,
        manner: Manner,
        deadline: Duration,
    ) -> Result<(Value, Lease), StoreError> {
        let slot = slot_of(key.as_bytes());
        let end = Instant::now() + deadline;
        let mut redirected = None;
        let mut last = None;
        for _ in 0..DIRECTIONS {
            let left = end.saturating_duration_since(Instant::now());
            let asking = redirected.is_some();
            let Some(master) = redirected.take().or_else(|| self.master_of(slot)) else {
                last = Some(unserved(slot));
                self.wait_for_map(left).await;
                continue;
            };
            match put(&master, key, question, manner, left, asking).await {
                Next::Done(answer, lease) => return Ok((answer, lease)),
                Next::Fail(error) => {
                    self.stale.notify_one();
                    return Err(error);
                }
                Next::Moved(None) => self.wait_for_map(left).await,
                Next::Moved(Some(address)) => self.moved(slot, address),
                Next::Ask(address) => redirected = Some(self.link_to(&mut self.write_map(), address, None)),
                Next::Wait(error) => {
                    last = Some(error);
                    self.stale.notify_one();
                    tokio::time::sleep(MOMENT.min(left)).await;
                }
            }
            if Instant::now() >= end {
                break;
            }
        }
        Err(last.unwrap_or_else(|| {
            StoreError::new(StoreErrorKind::Unavailable, "the cluster's servers direct to each other")
        }))
    }

    fn master_of(&self, slot: u16) -> Option<Arc<Master>> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).master_of(slot)
    }

    fn write_map(&self) -> RwLockWriteGuard<'_, Map> {
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// One slot has another master than was thought; others may have as well.
    fn moved(&self, slot: u16, address: Address) {
        let mut map = self.write_map();
        let master = self.link_to(&mut map, address, None);
        let news = map.hand_over(slot, master);
        drop(map);
        if news {
            // What was read of this slot may have changed at its new master.
            self.forget(Territory::of(move |tag| slot_of_tag(tag) == slot));
        }
        self.stale.notify_one();
    }

    fn link_to(&self, map: &mut Map, address: Address, slot: Option<u16>) -> Arc<Master> {
        map.master_at(address.clone(), |place| {
            // Which sessions are there is said when the map is complete.
            let nobody = Territory::of(|_| false);
            let home = Home::new(self.home_key(slot), nobody, Arc::clone(&self.stale));
            let origin = Origin::at(&self.reach(&address), self.settings.plaintext);
            let link = Link::start(origin, place, Arc::clone(&home), Arc::clone(&self.settings));
            Master::new(address, link, home, place)
        })
    }

    /// The credentials of a seed hold for all servers of its cluster.
    fn reach(&self, (host, port): &Address) -> ConnectionInfo {
        address::at(&self.seed, host.clone(), *port)
    }

    /// A key that nobody writes, in a given slot if one is given.
    fn home_key(&self, slot: Option<u16>) -> String {
        let namespace = &self.settings.namespace;
        let Some(slot) = slot else { return namespace.probe(0) };
        // One in 16384 keys is in it, so that this ends after about as many.
        let key = (0..1_000_000).map(|n| namespace.probe(n)).find(|key| slot_of(key.as_bytes()) == slot);
        key.unwrap_or_else(|| namespace.probe(0))
    }

    async fn wait_for_map(&self, left: Duration) {
        let refreshed = self.refreshed.notified();
        self.stale.notify_one();
        drop(tokio::time::timeout(left.min(MOMENT * 4), refreshed).await);
    }

    async fn refresh(&self) -> RedisResult<()> {
        let reply = self.read_map().await?;
        self.take_in(reply);
        self.refreshed.notify_waiters();
        Ok(())
    }

    fn take_in(&self, ranges: Vec<Range>) {
        let mut map = self.write_map();
        let mut slots = Map::blank();
        let mut firsts: HashMap<Address, u16> = HashMap::new();
        for range in ranges {
            let address = (range.host, range.port);
            firsts.entry(address.clone()).or_insert(range.first);
            let master = self.link_to(&mut map, address, Some(range.first));
            slots[usize::from(range.first)..=usize::from(range.last)].fill(Some(master));
        }
        let (moved, gone) = map.replace(slots);
        // At once, though somebody may still be waiting for an answer of theirs.
        gone.iter().for_each(|master| master.link.give_up());
        for first in firsts.into_values() {
            let Some(master) = map.master_of(first) else { continue };
            let home = map.master_of(slot_of(master.home.key().as_bytes()));
            if home.is_none_or(|home| home.address != master.address) {
                master.home.move_to(self.home_key(Some(first)));
            }
        }
        drop(map);
        if let Some(moved) = moved {
            self.forget(moved);
        }
    }

    /// Nobody waits until the copies are gone: the servers themselves have told of the keys that they gave away.
    fn forget(&self, territory: Territory) {
        drop(self.settings.audience.forget_all(territory));
    }
}

fn unserved(slot: u16) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, format!("no server of the cluster has slot {slot}"))
}
