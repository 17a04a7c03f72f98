use tokio::sync::watch;

/// A handle that stops one call of a [`FaultyStore`](super::FaultyStore) twice: before it acts, and
/// before its reply.
///
/// Lets a test put two calls into an exact order. Dropping the gate opens it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cloakroom::store::{Selector, Store};
/// use cloakroom_testkit::{FaultyStore, MemoryStore, Verb};
///
/// let store = FaultyStore::new(MemoryStore::new());
/// let gate = store.delay_next(Verb::Load);
/// let load = tokio::spawn({
///     let store = store.clone();
///     async move { store.load(Selector::from_bytes([7; 16])).await }
/// });
/// assert!(gate.arrived().await); // Called; nothing was read yet.
/// assert!(gate.let_act().await); // Read; the caller has no reply yet.
/// gate.open();
/// assert!(load.await??.is_none());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
#[must_use = "a gate that is dropped is open"]
pub struct CallGate {
    progress: watch::Receiver<Progress>,
    leave: watch::Sender<Permit>,
}

/// The progress of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Progress {
    Expected,
    BeforeActing,
    BeforeReplying,
}

/// How far the call may proceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Permit {
    Arrive,
    Act,
}

impl CallGate {
    /// Waits until the call has arrived at the gate, before it acts. Returns `false` if it never
    /// will, because its plan was [healed](super::FaultyStore::reset).
    pub async fn arrived(&self) -> bool {
        self.reaches(Progress::BeforeActing).await
    }

    /// Lets the call act, and waits until only its reply is held back. Returns `false` if the
    /// caller gave up before.
    pub async fn let_act(&self) -> bool {
        self.leave.send_replace(Permit::Act);
        self.reaches(Progress::BeforeReplying).await
    }

    /// Lets the call through, whether it waits at the gate or has yet to arrive.
    pub fn open(self) {
        drop(self);
    }

    async fn reaches(&self, stage: Progress) -> bool {
        self.progress.clone().wait_for(|progress| *progress >= stage).await.is_ok()
    }
}

/// The call's side of a gate.
#[derive(Debug)]
pub(super) struct GateState {
    progress: watch::Sender<Progress>,
    leave: watch::Receiver<Permit>,
}

impl GateState {
    pub(super) async fn before_acting(&mut self) {
        self.progress.send_replace(Progress::BeforeActing);
        // An error means that the gate was dropped, which opens it.
        drop(self.leave.wait_for(|leave| *leave >= Permit::Act).await);
    }

    pub(super) async fn before_replying(&mut self) {
        self.progress.send_replace(Progress::BeforeReplying);
        while self.leave.changed().await.is_ok() {}
    }
}

pub(super) fn gate() -> (CallGate, GateState) {
    let (progress, progress_seen) = watch::channel(Progress::Expected);
    let (leave, leave_seen) = watch::channel(Permit::Arrive);
    (CallGate { progress: progress_seen, leave }, GateState { progress, leave: leave_seen })
}
