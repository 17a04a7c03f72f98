use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, Instant};

use cloakroom::store::{Lease, StoreError, StoreErrorKind};
use redis::{Client, ConnectionAddr, ConnectionInfo, ErrorKind, RedisError, RedisResult, ServerErrorKind, Value, cmd};
use tokio::sync::Notify;

use super::slots::{Range, SLOTS, ranges, slot_of};
use super::{Manner, Question};
use crate::fault;
use crate::link::{Home, Leases, Line, Link, Origin, Settings, timed};

/// How often one question follows the servers' directions before it is given up.
const DIRECTIONS: usize = 8;
/// Slots may also move while nobody asks for them.
const REFRESH: Duration = Duration::from_secs(10);
/// How long to wait before a question is put again to a server that is busy with a change of the cluster.
const MOMENT: Duration = Duration::from_millis(25);

/// The masters of a cluster, each with a link of its own, and which of them has which slot.
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

#[derive(Debug, Default)]
struct Map {
    masters: HashMap<Address, Arc<Master>>,
    /// The master of each slot, once the map was read.
    slots: Vec<Option<Arc<Master>>>,
}

type Address = (String, u16);

impl Map {
    /// Where the leases of one more link may stand. Far more masters than there are places would share the
    /// first one, where only one of them could keep copies.
    fn free_place(&self) -> usize {
        let taken: HashSet<_> = self.masters.values().map(|master| master.place).collect();
        (0..Leases::capacity()).find(|place| !taken.contains(place)).unwrap_or_default()
    }
}

#[derive(Debug)]
struct Master {
    place: usize,
    link: Link,
    home: Arc<Home>,
    address: Address,
}

/// What to do after a server's answer.
enum Next {
    Done(Value, Lease),
    Fail(StoreError),
    /// The map is wrong: ask this one.
    Moved(Option<Address>),
    /// The key is being moved: ask this one, for once.
    Ask(Address),
    Wait(StoreError),
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
        cluster.refresh().await?;
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
            match put(&master, question, manner, left, asking).await {
                Next::Done(answer, lease) => return Ok((answer, lease)),
                Next::Fail(error) => {
                    self.stale.notify_one();
                    return Err(error);
                }
                Next::Moved(None) => self.wait_for_map(left).await,
                Next::Moved(Some(address)) => self.moved(slot, address),
                Next::Ask(address) => redirected = Some(self.master_at(address)),
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
        self.map.read().unwrap_or_else(PoisonError::into_inner).slots.get(usize::from(slot))?.clone()
    }

    fn master_at(&self, address: Address) -> Arc<Master> {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        self.link_to(&mut map, address, None)
    }

    /// One slot has another master than was thought; others may have as well.
    fn moved(&self, slot: u16, address: Address) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let master = self.link_to(&mut map, address, None);
        if let Some(place) = map.slots.get_mut(usize::from(slot)) {
            *place = Some(master);
        }
        drop(map);
        // What was read of this slot may have changed at its new master.
        self.settings.audience.forget_all();
        self.stale.notify_one();
    }

    fn link_to(&self, map: &mut Map, address: Address, slot: Option<u16>) -> Arc<Master> {
        if let Some(master) = map.masters.get(&address) {
            return Arc::clone(master);
        }
        let place = map.free_place();
        let home = Home::new(self.home_key(slot), Arc::clone(&self.stale));
        let origin = Origin::at(&self.reach(&address));
        let link = Link::start(origin, place, Arc::clone(&home), Arc::clone(&self.settings));
        let master = Arc::new(Master { place, link, home, address: address.clone() });
        map.masters.insert(address, Arc::clone(&master));
        master
    }

    /// The credentials of a seed hold for all servers of its cluster.
    fn reach(&self, (host, port): &Address) -> ConnectionInfo {
        let address = match self.seed.addr() {
            ConnectionAddr::TcpTls { insecure, tls_params, .. } => ConnectionAddr::TcpTls {
                host: host.clone(),
                port: *port,
                insecure: *insecure,
                tls_params: tls_params.clone(),
            },
            _ => ConnectionAddr::Tcp(host.clone(), *port),
        };
        self.seed.clone().set_addr(address)
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

    /// The map as the first server sees it that answers: the known masters, then the seeds.
    async fn read_map(&self) -> RedisResult<Vec<Range>> {
        let deadline = self.settings.deadline;
        let masters: Vec<_> = {
            let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
            map.masters.values().cloned().collect()
        };
        for master in masters {
            // One that is not up now is no help now.
            let Ok(line) = master.link.line(Duration::ZERO).await else { continue };
            let mut ask = cmd("CLUSTER");
            ask.arg("SLOTS");
            let Ok(reply) = timed(deadline, line.send(&ask)).await else { continue };
            if let Some(map) = named(ranges(&reply), &master.address.0) {
                return Ok(map);
            }
        }
        let mut failure = no_seed();
        for seed in std::iter::once(&self.seed).chain(&self.more_seeds) {
            match timed(deadline, ask_seed(seed)).await {
                Ok(reply) => {
                    let (ConnectionAddr::Tcp(host, _) | ConnectionAddr::TcpTls { host, .. }) = seed.addr() else {
                        continue;
                    };
                    if let Some(map) = named(ranges(&reply), host) {
                        return Ok(map);
                    }
                }
                Err(error) => failure = error,
            }
        }
        Err(failure)
    }

    fn take_in(&self, ranges: Vec<Range>) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        let mut slots = vec![None; usize::from(SLOTS)];
        let mut homes: HashMap<Address, u16> = HashMap::new();
        for range in ranges {
            let address = (range.host, range.port);
            homes.entry(address.clone()).or_insert(range.first);
            let master = self.link_to(&mut map, address, Some(range.first));
            slots[usize::from(range.first)..=usize::from(range.last)].fill(Some(master));
        }
        let moved = !map.slots.is_empty() && !same(&map.slots, &slots);
        map.masters.retain(|address, master| {
            let Some(first) = homes.get(address) else { return false };
            let home = slots[usize::from(slot_of(master.home.key().as_bytes()))].as_ref();
            if home.is_none_or(|home| home.address != *address) {
                master.home.move_to(self.home_key(Some(*first)));
            }
            true
        });
        map.slots = slots;
        drop(map);
        if moved {
            self.settings.audience.forget_all();
        }
    }
}

fn same(old: &[Option<Arc<Master>>], new: &[Option<Arc<Master>>]) -> bool {
    let address = |master: &Option<Arc<Master>>| master.as_ref().map(|master| master.address.clone());
    old.len() == new.len() && old.iter().zip(new).all(|(old, new)| address(old) == address(new))
}

/// Reads the map anew whenever it proved wrong, and now and then.
async fn keep_map(cluster: Weak<Cluster>, stale: Arc<Notify>) {
    loop {
        drop(tokio::time::timeout(REFRESH, stale.notified()).await);
        let Some(cluster) = cluster.upgrade() else { return };
        if let Err(error) = cluster.refresh().await {
            tracing::warn!(%error, "no server of the session store's cluster says who has which keys");
        }
        drop(cluster);
        // However many notice at once, one reading in a while is enough.
        tokio::time::sleep(MOMENT).await;
    }
}

async fn ask_seed(seed: &ConnectionInfo) -> RedisResult<Value> {
    let mut connection = Client::open(seed.clone())?.get_multiplexed_async_connection().await?;
    let mut ask = cmd("CLUSTER");
    ask.arg("SLOTS");
    ask.query_async(&mut connection).await
}

/// The map with the name of the server that was asked where it does not know its own. `None` if it is empty.
fn named(mut ranges: Vec<Range>, asked: &str) -> Option<Vec<Range>> {
    for range in &mut ranges {
        if range.host.is_empty() {
            asked.clone_into(&mut range.host);
        }
    }
    (!ranges.is_empty()).then_some(ranges)
}

async fn put(master: &Master, question: &Question, manner: Manner, left: Duration, asking: bool) -> Next {
    let line: Arc<Line> = match master.link.line(left).await {
        Ok(line) => line,
        // Its replica may be taking over.
        Err(error) => return Next::Wait(fault::unsent(error)),
    };
    let lease = if asking { Lease::NONE } else { line.lease() };
    let answer = if asking {
        timed(left, question.put_asking(&line)).await
    } else {
        timed(left, question.put_to(&line, manner.tracked)).await
    };
    match answer {
        Ok(answer) => Next::Done(answer, lease),
        Err(error) => after(error, manner),
    }
}

fn after(error: RedisError, manner: Manner) -> Next {
    let address = || error.redirect_node().and_then(|(node, _)| parse(node));
    match error.kind() {
        ErrorKind::Server(ServerErrorKind::Moved) => Next::Moved(address()),
        ErrorKind::Server(ServerErrorKind::Ask) => match address() {
            Some(address) => Next::Ask(address),
            None => Next::Moved(None),
        },
        ErrorKind::Server(
            ServerErrorKind::TryAgain
            | ServerErrorKind::ClusterDown
            | ServerErrorKind::MasterDown
            | ServerErrorKind::BusyLoading
            | ServerErrorKind::ReadOnly,
        ) => Next::Wait(fault::sent(error, manner.effect)),
        _ => Next::Fail(fault::sent(error, manner.effect)),
    }
}

fn parse(node: &str) -> Option<Address> {
    let (host, port) = node.rsplit_once(':')?;
    let port = port.parse().ok()?;
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

fn unserved(slot: u16) -> StoreError {
    StoreError::new(StoreErrorKind::Unavailable, format!("no server of the cluster has slot {slot}"))
}

fn no_seed() -> RedisError {
    RedisError::from((ErrorKind::ClusterConnectionNotFound, "no server of the cluster says who has which keys"))
}
