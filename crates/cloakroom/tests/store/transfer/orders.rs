//! Moves and calls of several processes in many orders of their steps, some of which stop halfway.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cloakroom::Clock;
use cloakroom::store::{
    Action, Authentication, Commit, Committed, Destroyed, Edit, Expect, Guard, PageRequest, Payload, PreviousSecret,
    Rotation, Store, StoreError, Verifier,
};
use cloakroom::transfer::TransferStore;
use cloakroom_testkit::{ManualClock, MemoryStore};

use super::hooked::{Hook, HookedStore};
use crate::samples::{HOUR, record, selector};

/// Number of orders per scenario.
const ORDERS: u64 = 1500;

/// Every step of a call waits for its turn.
#[derive(Clone)]
struct InTurn;

impl Hook for InTurn {
    async fn pass(&self) -> Result<(), StoreError> {
        let mut is_waiting = true;
        poll_fn(|_| if std::mem::take(&mut is_waiting) { Poll::Pending } else { Poll::Ready(Ok(())) }).await
    }
}

type Node = TransferStore<HookedStore<InTurn>, HookedStore<InTurn>>;
type Task = Pin<Box<dyn Future<Output = ()>>>;

/// What the clients were told.
#[derive(Default)]
struct Acknowledged {
    writes: Mutex<Vec<&'static str>>,
    login: Mutex<Option<Verifier>>,
    end: Mutex<bool>,
}

#[derive(Clone, Copy, Debug)]
enum Process {
    /// Moves the session.
    Moves,
    /// Writes a value with the client's token.
    Writes(&'static str),
    /// Writes a value without a token, as an application's job does.
    WritesAsApplication(&'static str),
    LogsIn,
    LogsOut,
    Revokes,
    Reads,
}

const FIRST: Verifier = Verifier::from_bytes([9; 16]);
const SECOND: Verifier = Verifier::from_bytes([10; 16]);

struct Scenario {
    old: MemoryStore,
    new: MemoryStore,
    clock: ManualClock,
    told: Arc<Acknowledged>,
}

impl Scenario {
    async fn new() -> Self {
        let clock = ManualClock::new();
        let (old, new) = (MemoryStore::with_clock(clock.clone()), MemoryStore::with_clock(clock.clone()));
        old.create(selector(1), record(&clock)).await.unwrap();
        old.add_member(&"ada".into(), selector(1), clock.now().after(24 * HOUR), None).await.unwrap();
        Self { old, new, clock, told: Arc::default() }
    }

    fn node(&self, moves: bool) -> Node {
        let hooked = |store: &MemoryStore| HookedStore { inner: store.node(), hook: InTurn, namespace: "" };
        let make = if moves { TransferStore::moving } else { TransferStore::following };
        make(hooked(&self.old), hooked(&self.new)).unwrap()
    }

    fn task(&self, process: Process, number: u64, moves: bool) -> Task {
        let (node, told, now) =
            (self.node(moves || matches!(process, Process::Moves)), Arc::clone(&self.told), self.clock.now());
        let commit = move |guard, key: &'static str| {
            let mut commit = Commit::new(1, number << 32 | number, guard, now);
            let payload = Payload::Present(b"1"[..].into());
            commit.edits.push(Edit::new(key.into(), Expect::Any, Action::Put { payload, fresh_until: None }));
            commit
        };
        Box::pin(async move {
            match process {
                Process::Moves | Process::Reads => drop(node.load(selector(1)).await),
                Process::Writes(key) => write(&node, &told, key, commit(Guard::Holder(FIRST), key)).await,
                Process::WritesAsApplication(key) => write(&node, &told, key, commit(Guard::Anyone, key)).await,
                Process::LogsIn => {
                    let mut commit = commit(Guard::Holder(FIRST), "login");
                    // Another account, so that only this login makes the session its member.
                    let bob = "bob".into();
                    if node.add_member(&bob, selector(1), now.after(24 * HOUR), None).await.is_err() {
                        return;
                    }
                    let mut rotation = Rotation::new(SECOND, Some(PreviousSecret::replaced(FIRST, now)));
                    rotation.authentication = Some(Authentication::new(bob, now, None));
                    commit.rotation = Some(rotation);
                    if let Ok(Committed::Done(_)) = node.commit(selector(1), commit).await {
                        *told.login.lock().unwrap() = Some(SECOND);
                    }
                }
                Process::LogsOut => {
                    if let Ok(Destroyed::Done | Destroyed::Gone) = node.destroy(selector(1), Guard::Holder(FIRST)).await
                    {
                        *told.end.lock().unwrap() = true;
                    }
                }
                Process::Revokes => {
                    if let Ok(Destroyed::Done | Destroyed::Gone) = node.destroy(selector(1), Guard::Anyone).await {
                        *told.end.lock().unwrap() = true;
                    }
                }
            }
        })
    }

    /// Compares what is left with what the clients were told.
    async fn check(&self, order: u64, has_stopped: bool) {
        // The processes that are left take over what a stopped one has begun.
        let store = TransferStore::moving(self.old.node(), self.new.node()).unwrap();
        let found = store.load(selector(1)).await.unwrap();
        let at = format!("order {order}");
        assert!(self.old.is_empty(), "{at}: the old store has something left");
        let told = &self.told;
        let Some(found) = found else {
            // A process that has stopped may have ended the session without an acknowledgement.
            assert!(*told.end.lock().unwrap() || has_stopped, "{at}: the session is lost");
            return;
        };
        assert!(!*told.end.lock().unwrap(), "{at}: the session lives after its end");
        let record = found.record;
        for key in told.writes.lock().unwrap().iter() {
            assert!(record.version_of(key) > 0, "{at}: {key} is lost");
        }
        let expected = told.login.lock().unwrap().unwrap_or(if has_stopped { record.verifier } else { FIRST });
        assert_eq!(record.verifier, expected, "{at}");
        assert!([FIRST, SECOND].contains(&record.verifier), "{at}: the client's token does not open the session");
        assert!(record.values.iter().all(|value| !value.key.starts_with('*')), "{at}: {record:?}");
        let principal = &record.authentication.as_ref().expect("the session is logged in").principal;
        let members = self.new.list_members(principal, PageRequest::first(9)).await.unwrap().items;
        assert_eq!(members.len(), 1, "{at}: the session is not listed");
    }
}

async fn write(node: &Node, told: &Acknowledged, key: &'static str, commit: Commit) {
    if let Ok(Committed::Done(_)) = node.commit(selector(1), commit).await {
        told.writes.lock().unwrap().push(key);
    }
}

/// Runs the processes in many orders: in each, one step of one of them at a time.
async fn explore(processes: &[Process]) {
    for order in 0..ORDERS {
        let scenario = Scenario::new().await;
        let mut choices = fastrand::Rng::with_seed(order);
        let mut tasks: Vec<_> = (1..)
            .zip(processes)
            .map(|(number, process)| Some(scenario.task(*process, number, choices.bool())))
            .collect();
        let stops = choices.u32(..4) == 0;
        let mut stopped = false;
        let mut context = Context::from_waker(Waker::noop());
        while tasks.iter().any(Option::is_some) {
            let chosen = choices.usize(..tasks.len());
            let Some(task) = &mut tasks[chosen] else { continue };
            if stops && !stopped && choices.u32(..12) == 0 {
                tasks[chosen] = None;
                stopped = true;
                continue;
            }
            if task.as_mut().poll(&mut context).is_ready() {
                tasks[chosen] = None;
            }
            // Some processes fall asleep for longer than the others wait for them.
            let pause = if choices.u32(..40) == 0 { 600 } else { 1 };
            tokio::time::advance(Duration::from_millis(pause)).await;
        }
        scenario.check(order, stopped).await;
    }
}

macro_rules! scenarios {
    ($($name:ident: [$($process:expr),+];)+) => {
        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                explore(&[$($process),+]).await;
            }
        )+
    };
}

use Process::{LogsIn, LogsOut, Moves, Reads, Revokes, Writes, WritesAsApplication};

scenarios! {
    two_moves_of_one_session: [Moves, Moves, Reads];
    no_write_is_lost_by_a_move: [Moves, Writes("a"), Writes("b"), Moves];
    no_write_of_the_application_is_lost_by_a_move: [Moves, WritesAsApplication("a"), WritesAsApplication("b"), Moves];
    a_login_moves_with_its_session: [Moves, LogsIn, Moves];
    a_login_meets_moves_and_a_write: [Moves, LogsIn, WritesAsApplication("a"), Moves];
    a_logout_ends_a_session_that_moves: [Moves, LogsOut, Moves];
    a_logout_is_not_undone_by_a_late_move: [Moves, Moves, LogsOut, Writes("a")];
    a_revocation_ends_a_session_that_moves: [Moves, Revokes, Moves];
    a_revocation_is_not_undone_by_late_moves: [Moves, Moves, Moves, Revokes];
}
