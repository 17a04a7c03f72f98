//! The masters of a cluster, each with its own connection, and the slots that each of them owns.

mod discovery;
mod redirect;
mod slot_map;

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockWriteGuard};
use std::time::{Duration, Instant};

use cloakroom::store::{Lease, StoreError, StoreErrorKind};
use redis::{ConnectionInfo, RedisResult, Value};
use tokio::sync::Notify;

use super::slots::{SlotRange, slot_of, slot_of_selector};
use super::{Request, RequestKind};
use crate::address;
use crate::connection::{Connection, ConnectionSettings, Coverage, Endpoint, ProbeTarget};
use discovery::refresh_periodically;
use redirect::{Redirect, send_following};
pub(super) use slot_map::Master;
use slot_map::{Address, SlotMap};

/// Maximum number of redirections that one request follows.
const MAX_REDIRECTS: usize = 8;
/// Delay before a request is repeated to a server that is busy with a change of the cluster.
const RETRY_DELAY: Duration = Duration::from_millis(25);

/// A cluster as a whole.
#[derive(Debug)]
pub(crate) struct Cluster {
    settings: Arc<ConnectionSettings>,
    /// The server to query when no known master answers.
    seed: ConnectionInfo,
    more_seeds: Vec<ConnectionInfo>,
    map: RwLock<SlotMap>,
    /// Notified when the slot map has proved wrong.
    stale: Arc<Notify>,
    /// Notified whenever the slot map was read again.
    refreshed: Notify,
}

impl Cluster {
    /// Reads the slot map from the first seed that answers, and refuses a map with a server that
    /// must not be contacted without encryption.
    pub(crate) async fn start(
        seed: ConnectionInfo,
        more_seeds: Vec<ConnectionInfo>,
        settings: Arc<ConnectionSettings>,
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
        // Only at the start: later, a connection to such a server stays down and reports why.
        for range in &map {
            let named = cluster.connect(&(range.host.clone(), range.port));
            address::refuse_plaintext(&named, cluster.settings.plaintext)?;
        }
        cluster.replace_map(map);
        tokio::spawn(refresh_periodically(Arc::downgrade(&cluster), Arc::clone(&cluster.stale)));
        Ok(cluster)
    }

    pub(super) async fn request(
        &self,
        key: &str,
        request: &Request,
        kind: RequestKind,
        deadline: Duration,
    ) -> Result<(Value, Lease), StoreError> {
        let slot = slot_of(key.as_bytes());
        let end = Instant::now() + deadline;
        let mut redirected = None;
        let mut last = None;
        for _ in 0..MAX_REDIRECTS {
            let left = end.saturating_duration_since(Instant::now());
            let asking = redirected.is_some();
            let Some(master) = redirected.take().or_else(|| self.master_of(slot)) else {
                last = Some(unserved(slot));
                self.wait_for_map(left).await;
                continue;
            };
            match send_following(&master, key, request, kind, left, asking).await {
                Redirect::Done(answer, lease) => return Ok((answer, lease)),
                Redirect::Fail(error) => {
                    self.stale.notify_one();
                    return Err(error);
                }
                Redirect::Moved(None) => self.wait_for_map(left).await,
                Redirect::Moved(Some(address)) => self.moved(slot, address),
                Redirect::Ask(address) => redirected = Some(self.connection_to(&mut self.write_map(), address, None)),
                Redirect::Wait(error) => {
                    last = Some(error);
                    self.stale.notify_one();
                    tokio::time::sleep(RETRY_DELAY.min(left)).await;
                }
            }
            if Instant::now() >= end {
                break;
            }
        }
        Err(last.unwrap_or_else(|| StoreError::new(StoreErrorKind::Unavailable, "too many cluster redirections")))
    }

    fn master_of(&self, slot: u16) -> Option<Arc<Master>> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).master_of(slot)
    }

    /// The masters that own slots, and a number that identifies them and their slots. No master if a
    /// slot has none.
    pub(super) fn layout(&self) -> (Vec<Arc<Master>>, u64) {
        self.map.read().unwrap_or_else(PoisonError::into_inner).layout()
    }

    fn write_map(&self) -> RwLockWriteGuard<'_, SlotMap> {
        self.map.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records the new master of one slot, and requests a new map, because other slots may have
    /// moved as well.
    fn moved(&self, slot: u16, address: Address) {
        let mut map = self.write_map();
        let master = self.connection_to(&mut map, address, None);
        let moved = map.reassign(slot, master);
        drop(map);
        if moved {
            // The records in this slot may have changed at the new master.
            self.invalidate_moved(Coverage::of(move |selector| slot_of_selector(selector) == slot));
        }
        self.stale.notify_one();
    }

    fn connection_to(&self, map: &mut SlotMap, address: Address, slot: Option<u16>) -> Arc<Master> {
        map.master_at(address.clone(), |place| {
            // The coverage is set when the map is complete.
            let nobody = Coverage::of(|_| false);
            let probe_target = ProbeTarget::new(self.probe_key(slot), nobody, Arc::clone(&self.stale));
            let endpoint = Endpoint::configured(&self.connect(&address), self.settings.plaintext);
            let connection = Connection::start(endpoint, place, Arc::clone(&probe_target), Arc::clone(&self.settings));
            Master::new(address, connection, probe_target, place)
        })
    }

    /// The address of another server, with the credentials of the seed, which are valid for all
    /// servers of its cluster.
    fn connect(&self, (host, port): &Address) -> ConnectionInfo {
        address::at(&self.seed, host.clone(), *port)
    }

    /// A key that nothing writes, in the given slot if there is one.
    fn probe_key(&self, slot: Option<u16>) -> String {
        let keyspace = &self.settings.keyspace;
        let Some(slot) = slot else { return keyspace.probe(0) };
        // One in 16384 keys is in the slot, so this ends after about as many attempts.
        let key = (0..1_000_000).map(|n| keyspace.probe(n)).find(|key| slot_of(key.as_bytes()) == slot);
        key.unwrap_or_else(|| keyspace.probe(0))
    }

    async fn wait_for_map(&self, left: Duration) {
        let refreshed = self.refreshed.notified();
        self.stale.notify_one();
        drop(tokio::time::timeout(left.min(RETRY_DELAY * 4), refreshed).await);
    }

    async fn refresh(&self) -> RedisResult<()> {
        let reply = self.read_map().await?;
        self.replace_map(reply);
        self.refreshed.notify_waiters();
        Ok(())
    }

    fn replace_map(&self, ranges: Vec<SlotRange>) {
        let mut map = self.write_map();
        let mut slots = SlotMap::blank();
        let mut firsts: HashMap<Address, u16> = HashMap::new();
        for range in ranges {
            let address = (range.host, range.port);
            firsts.entry(address.clone()).or_insert(range.first);
            let master = self.connection_to(&mut map, address, Some(range.first));
            slots[usize::from(range.first)..=usize::from(range.last)].fill(Some(master));
        }
        let (moved, gone) = map.replace(slots);
        // Immediately, even if a request is still waiting for a reply from one of them.
        gone.iter().for_each(|master| master.connection.give_up());
        for first in firsts.into_values() {
            let Some(master) = map.master_of(first) else { continue };
            let probe_target = map.master_of(slot_of(master.probe_target.key().as_bytes()));
            if probe_target.is_none_or(|probe_target| probe_target.address != master.address) {
                master.probe_target.move_to(self.probe_key(Some(first)));
            }
        }
        drop(map);
        if let Some(moved) = moved {
            self.invalidate_moved(moved);
        }
    }

    /// Invalidates the copies of the sessions in the coverage without waiting: the old masters have
    /// already reported the keys that they gave away.
    fn invalidate_moved(&self, coverage: Coverage) {
        drop(self.settings.subscribers.invalidate_all(coverage));
    }
}

fn unserved(slot: u16) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, format!("no cluster node serves slot {slot}"))
}
