//! The replies to one node are held, so that it repeats writes that took effect, after others have
//! written.

use std::time::{Duration, Instant};

use cloakroom::{SessionErrorKind, Sessions};
use cloakroom_testbed::{Direction, Proxy};

use crate::database::{Database, LEASE};
use crate::support::{Count, Visitor, recorded, until};

const DEADLINE: Duration = Duration::from_millis(500);
/// The time of a round trip before that.
const TRIP: Duration = Duration::from_millis(20);
/// Longer than the deadline, so that the node repeats its write.
const HELD: Duration = Duration::from_millis(800);

/// A write to a session whose count is 1, and the count that it leaves.
#[derive(Clone, Copy, Debug)]
enum Write {
    Update,
    TryUpdate,
    Set,
    Take,
    Remove,
    Clear,
}

impl Write {
    const ALL: [(Self, u64); 6] = [
        (Self::Update, 2),
        (Self::TryUpdate, 2),
        (Self::Set, 100),
        (Self::Take, 0),
        (Self::Remove, 0),
        (Self::Clear, 0),
    ];

    async fn make(self, sessions: &Sessions, visitor: &Visitor) -> Result<(), SessionErrorKind> {
        let visit = visitor.enter(sessions);
        let add = |count: &mut Count| count.0 += 1;
        let made = match self {
            Self::Update => visit.update(add).await,
            Self::TryUpdate => {
                let tried = |count: &mut Count| {
                    add(count);
                    Ok::<_, std::convert::Infallible>(())
                };
                visit.try_update(tried).await.map(|Ok(())| ())
            }
            Self::Set => visit.set(Count(100)).await,
            Self::Take => visit.take::<Count>().await.map(|taken| assert_eq!(taken.map(|count| count.0), Some(1))),
            Self::Remove => visit.remove::<Count>().await.map(drop),
            Self::Clear => visit.clear().await.map(drop),
        };
        visit.leave().await;
        made.map_err(|error| error.kind())
    }
}

async fn count(sessions: &Sessions, visitor: &Visitor) -> u64 {
    let visit = visitor.enter(sessions);
    let count = visit.get::<Count>().await.expect("the server runs");
    visit.leave().await;
    count.map_or(0, |count| count.0)
}

/// A client of the same session without a version hint.
fn without_hint(visitor: &Visitor) -> Visitor {
    let cookie = visitor.cookie().expect("the client has a session");
    Visitor::with_cookie(cookie.split('.').next().map(str::to_owned))
}

/// Two nodes over one database, and the link of the first.
struct Nodes {
    proxy: Proxy,
    held: Sessions,
    other: Sessions,
}

impl Nodes {
    async fn over(database: &Database) -> Self {
        let schema = database.schema().await;
        let proxy = Proxy::start(database.server.address()).await.expect("a free port");
        let url = database.server.url_through(proxy.port());
        let builder = database.builder(&schema).lease(DEADLINE * 40).deadline(DEADLINE);
        let store = builder.connect(&url).await.expect("the server runs");
        let held = recorded().store(store).build().expect("the settings are valid");
        let other = recorded().store(database.store(&schema).await).build().expect("the settings are valid");
        proxy.delay(Direction::ToClient, TRIP);
        Self { proxy, held, other }
    }

    /// Makes a write whose replies are held from the given round trip on. Returns `true` if it took
    /// effect before that.
    async fn write(&self, write: Write, leaves: u64, round_trip: u32) -> bool {
        let ada = Visitor::default();
        until("the session exists", async || Write::Update.make(&self.held, &ada).await.is_ok()).await;
        let late = {
            let (held, tab) = (self.held.clone(), without_hint(&ada));
            tokio::spawn(async move { write.make(&held, &tab).await })
        };
        tokio::time::sleep(TRIP * round_trip + TRIP / 2).await;
        self.proxy.hold(Direction::ToClient);
        let began = Instant::now();
        let tab = without_hint(&ada);
        let has_effect = async || count(&self.other, &tab).await == leaves;
        until("the write took effect, or cannot", async || has_effect().await || began.elapsed() > HELD / 2).await;
        let took_effect = has_effect().await;
        let others = if took_effect { 12 } else { 0 };
        for _ in 0..others {
            Write::Update.make(&self.other, &tab).await.expect("the other link is sound");
        }
        tokio::time::sleep_until((began + HELD).into()).await;
        self.proxy.release(Direction::ToClient);
        let late = late.await.expect("no panic");
        let expected = match late {
            // It says that nothing was changed.
            Err(SessionErrorKind::StoreUnavailable) => 1,
            Ok(()) | Err(SessionErrorKind::OutcomeUnknown) => leaves + others,
            Err(kind) => panic!("{write:?}: {kind:?}"),
        };
        if took_effect || late != Err(SessionErrorKind::OutcomeUnknown) {
            // Twice the time in which a node hears of a change.
            tokio::time::sleep(LEASE).await;
            assert_eq!(count(&self.other, &tab).await, expected, "{write:?} from round trip {round_trip} on: {late:?}");
        }
        until("the link works again", async || {
            let visit = ada.enter(&self.held);
            let read = visit.get::<Count>().await.is_ok();
            visit.leave().await;
            read
        })
        .await;
        took_effect
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn race_20_whatever_is_repeated_after_held_replies_takes_effect_once() {
    let database = Database::start().await;
    let verbs = Write::ALL.map(async |(write, leaves)| {
        let nodes = Nodes::over(&database).await;
        let mut repeated = 0;
        for round_trip in 0..4 {
            repeated += u32::from(nodes.write(write, leaves, round_trip).await);
        }
        assert!(repeated > 0, "{write:?} was never made while its replies were held");
    });
    futures_util::future::join_all(verbs).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn race_06_of_three_nodes_with_a_hundred_updates_at_once_each_nobody_is_refused() {
    let database = Database::start().await;
    let schema = database.schema().await;
    let ada = Visitor::default();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        nodes.push(recorded().store(database.store(&schema).await).build().expect("the settings are valid"));
    }
    Write::Update.make(&nodes[0], &ada).await.expect("the server runs");
    let updates = nodes.iter().flat_map(|node| std::iter::repeat_n(node, 100)).map(|node| {
        let (node, tab) = (node.clone(), without_hint(&ada));
        tokio::spawn(async move { Write::Update.make(&node, &tab).await })
    });
    for outcome in futures_util::future::join_all(updates).await {
        assert_eq!(outcome.expect("no panic"), Ok(()));
    }
    assert_eq!(count(&nodes[1], &ada).await, 301);
}
