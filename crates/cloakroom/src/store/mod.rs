//! The shared tier: the contract between Cloakroom and whatever keeps records for all nodes.
//!
//! You need this module to write a store, not to use one. A store keeps one [`Record`] per
//! session, found by its [`Selector`], and offers a handful of verbs, each of which is atomic for its
//! session. Absence, conflict and the end of a session are answers; [`StoreError`] is for faults.
//!
//! What every store promises, beside what its methods say:
//!
//! - **It never invents a session.** Only [`create`](Store::create) brings a record into being;
//!   every other verb answers `Gone` for a record that is not there. A late write can therefore
//!   never resurrect a session that ended.
//! - **It enforces the lifetimes itself**, on its own clock: from
//!   [`Lifetimes::store_deadline`] on, a record is absent for every verb.
//! - **All or nothing.** A verb that answers anything but success has changed nothing. A verb that
//!   fails with [`StoreErrorKind::Unknown`] has either done all of its work or none.
//! - **A secret that was replaced is dead at once**, whatever any clock says: [`PreviousSecretState::Replaced`] is a state of
//!   the record and never becomes an instant that somebody's clock has to reach. A secret that was
//!   [renewed](PreviousSecretState::Renewed) is judged by the latest of the store's clock, the record's `last_seen`
//!   and, for a commit, its `now`, so that no clock that lags behind prolongs its grace.
//! - **Removed values keep their versions.** A removal leaves [`Payload::Removed`] behind under the record's new
//!   version, also where there was no value, and so does `keep_only`; a later
//!   [`Expect::Version`] of an older version must not hold.
//! - **Futures may be dropped** at any await point without leaving a record half-written.
//!
//! The enums that a store receives ([`Guard`], [`Expect`], [`Action`], [`LimitPolicy`], [`Payload`]) are exhaustive:
//! a store that ignored a new guard would let anybody write, so a new variant has to break the build.
//!
//! `cloakroom_testkit::conformance` checks each of these promises, by name.

mod commit;
mod dyn_store;
mod error;
mod json_depth;
mod member;
mod page;
mod record;

pub use commit::{Action, Commit, CommitReceipt, Committed, Created, Destroyed, Edit, Expect, Guard, Rotation, Touch};
pub use error::{StoreError, StoreErrorKind};
pub use member::{Member, Summary};
pub use page::{Cursor, Page, PageRequest};
pub use record::{Invalidate, Lease, LeasedRecord, Lifetimes, Payload, Record, StoredValue};

#[doc(hidden)]
pub use dyn_store::DynStore;
pub(crate) use json_depth::{MAX_DEPTH, is_within, is_within_max_depth};

pub use crate::token::{Authentication, PreviousSecret, PreviousSecretState, Principal, Selector, Verifier};
pub use crate::writers::{LastWrite, REMEMBERED_WRITERS, Trace, Writers};

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Timestamp;

/// Keeps the records of all sessions, for all nodes.
///
/// Implement it for a type that is cheap to call concurrently; Cloakroom shares one instance.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session store",
    note = "implement `cloakroom::store::Store` and run `cloakroom_testkit::conformance` on it"
)]
pub trait Store: Send + Sync + 'static {
    /// Reads the record of a session.
    ///
    /// Answers `None` if there is none, or if its lifetimes are over. Never creates anything.
    ///
    /// # Errors
    /// A fault, including a record as a whole that does not decode. A single value that does not
    /// decode is not the store's business: it keeps bytes.
    fn load(&self, selector: Selector) -> impl Future<Output = Result<Option<LeasedRecord>, StoreError>> + Send;

    /// Inserts a new record if its tag is free.
    ///
    /// Answers [`Created::Exists`] and changes nothing if any live record has this tag, unless
    /// that record carries the same `nonce`: then an earlier attempt of this very call got through.
    ///
    /// # Errors
    /// A fault.
    fn create(&self, selector: Selector, record: Record) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// Applies a set of edits and a rotation to a record, all or nothing.
    ///
    /// In this order: no live record → [`Committed::Gone`]. Then what the record's [`Writers`] say about the commit
    /// ([`Writers::trace`]): [`Applied`](Trace::Applied) → answer [`Committed::Done`] again, with the whole record if others
    /// have written since; [`Unknown`](Trace::Unknown) → [`Committed::Unknown`] if the commit is a retry, else
    /// [`Committed::Conflict`]: the first attempt whose answer is still waited for was not applied, and one whose answer
    /// nobody waits for must not be. The guard does not hold → [`Committed::Superseded`]. The commit's base is newer than the record, or the commit wants
    /// its `exact_base` and the record has another version, or any edit's expectation does not hold →
    /// [`Committed::Conflict`] with the present record. Otherwise apply everything: the record's
    /// version grows by the commit's `step`, each edited value gets that version, the nonce is replaced, the write is added to the
    /// [`Writers`], and the idle timeout starts anew. The rotation goes first and the edits after it, so that what the
    /// same commit writes wins over `keep_only`, which would remove it.
    ///
    /// The receipt carries the whole record unless the commit was made on exactly its `base` and is still the last write, so that the caller
    /// learns of foreign changes in the same round trip.
    ///
    /// # Errors
    /// A fault. After [`StoreErrorKind::Unknown`] the caller may repeat the same commit as a retry.
    fn commit(&self, selector: Selector, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Restarts the idle timeouts of sessions that were seen, each if its guard holds.
    ///
    /// Called in the background with batches. Never lowers what the record says it was last seen,
    /// never creates, skips what is gone. A touch whose guard does not hold changes nothing, and is judged in the same
    /// atomic step that makes the change: a caller that has no current copy cannot tell whether the secret that it was
    /// shown is one, and nobody may keep a session alive who knows only its tag, or a secret that was replaced. A previous
    /// secret is judged by the latest of the store's clock, the touch's `seen` and the record's `last_seen`.
    ///
    /// # Errors
    /// A fault; the caller forgets the batch, later touches make up for it.
    fn touch(&self, touches: Vec<Touch>) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a record, if the guard holds.
    ///
    /// In this order: no live record → [`Destroyed::Gone`]. The guard does not hold →
    /// [`Destroyed::Superseded`]. Otherwise the record is removed → [`Destroyed::Done`]. The guard
    /// keeps a logout under a token that was just replaced from ending the login that replaced it, so
    /// it must be judged in the same atomic step. There is no commit to say what time it is on the
    /// caller's clock: the grace of a renewed secret is over if it is so on the store's clock or by the record's `last_seen`.
    ///
    /// Repeating it is harmless.
    ///
    /// # Errors
    /// A fault; the session must then be taken to be still alive.
    fn destroy(&self, selector: Selector, guard: Guard) -> impl Future<Output = Result<Destroyed, StoreError>> + Send;

    /// Removes several records, whatever their secrets are. Answers for each tag what [`destroy`](Self::destroy) under
    /// [`Guard::Anyone`] would, in the order of the tags.
    ///
    /// Each record is removed by itself: a fault of one says nothing about the others. Of a tag that is given twice, either
    /// answer may be the one that says "done". The caller gives at most
    /// [`BATCH`] tags at once. The default removes one after the other; a store that can remove several in one
    /// round trip should.
    fn destroy_many(
        &self,
        selectors: Vec<Selector>,
    ) -> impl Future<Output = Vec<Result<Destroyed, StoreError>>> + Send {
        async move {
            let mut answers = Vec::with_capacity(selectors.len());
            for selector in selectors {
                answers.push(self.destroy(selector, Guard::Anyone).await);
            }
            answers
        }
    }

    /// Enters a session into the index of its principal, atomically with the limit.
    ///
    /// With a limit: if fewer other members than `limit.count` are alive, enters it. Otherwise, as `limit.when_reached`
    /// says, answers [`Admission::Refused`], unless `tag` is a member already, or enters it and answers which members
    /// have to end: the oldest others, by the time of admission. If these are more than [`BATCH`], it enters nothing,
    /// answers that many of them and [`Admission::Incomplete`].
    ///
    /// Members that have to end stay in the index until [`remove_members`](Self::remove_members) takes them out, and a later admission
    /// names them again. If the answer is lost, or the process that should end them, they are still found.
    ///
    /// Members whose record is gone do not count. Where there are more than [`BATCH`] members and the policy is
    /// [`LimitPolicy::EndOldest`], those that the store has not met yet may count.
    ///
    /// The record comes first: a session is created, then admitted, then logged in by a commit. A
    /// member whose record lives is therefore never dropped for not being logged in, or for being logged in
    /// as somebody else: it may be about to log in. It counts towards the limit like any other.
    ///
    /// Members whose record is gone leave the index at later admissions, wherever they are in it. One admission does
    /// a bounded amount of that work.
    ///
    /// The session lasts until `until` at the longest. A store may forget the index once the longest session that it
    /// was told of is over, and not before. A member that is admitted again may last longer than it was to.
    ///
    /// # Errors
    /// A fault; the session is then not logged in.
    fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        until: Timestamp,
        limit: Option<Limit>,
    ) -> impl Future<Output = Result<Admission, StoreError>> + Send;

    /// Takes sessions out of the index of a principal, at most [`BATCH`] at once. Repeating it is harmless.
    ///
    /// # Errors
    /// A fault; the members are then removed when they are next found dead.
    fn remove_members(
        &self,
        principal: &Principal,
        selectors: Vec<Selector>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The live sessions of a principal, oldest admission first, in pages.
    ///
    /// A page has at most as many members as were asked for. It may have fewer, or none, although the list goes on.
    /// A session that is a member from before the first page to after the last is on exactly one of them, whatever
    /// joins and leaves meanwhile.
    ///
    /// A member whose record is gone, or is logged in as somebody else, is left out. One whose record does not decode, or
    /// could not be read, is listed with that fault, so that it does not keep the others from being listed, nor itself
    /// from being ended.
    ///
    /// # Errors
    /// A fault, but [`StoreErrorKind::Corrupt`] only where it is the index that does not decode.
    /// [`StoreErrorKind::InvalidCursor`] for a cursor that is none of this store's.
    fn list_members(
        &self,
        principal: &Principal,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Member>, StoreError>> + Send;

    /// What keeps the records of one application apart from those of others in the same place: the same
    /// text on every node, for as long as the records live. What is kept of a secret is bound to it, and what is
    /// sealed, so that a record moved from one namespace into another opens to nobody.
    ///
    /// Empty, as by default, where there is nothing to keep apart.
    fn namespace(&self) -> &str {
        ""
    }

    /// Registers the local tier that keeps copies of this store's records.
    ///
    /// From then on the store calls [`Invalidate::invalidate`] whenever a record that was read through
    /// this instance was changed by somebody else, and [`Invalidate::invalidate_all`] or
    /// [`Invalidate::invalidate_those`] whenever it may have missed such a change. A store that cannot
    /// know does nothing here and never [vouches](Store::is_lease_valid).
    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        drop(copies);
    }

    /// Whether a copy read under `lease` may still be served without asking the store.
    ///
    /// Called on every request: it must neither block nor wait. `false` costs one load.
    fn is_lease_valid(&self, lease: Lease) -> bool {
        let _ = lease;
        false
    }

    /// What time it is on the store's clock, as far as that is known without asking. `None`, as by default, if it is not.
    ///
    /// Nodes say so loudly when their clock and the store's are further apart than they may be. Called every second or so, so
    /// it must neither block nor wait.
    fn time(&self) -> Option<Timestamp> {
        None
    }

    /// How long, at most, a node goes on vouching for a copy that another node has changed, if the news of the change
    /// do not reach it: the same on every node. Zero, as by default, where news are never late.
    ///
    /// A client is told by its token what it has written and seen, so that no node serves it less. Where that cannot be told
    /// because the store went away before the answer did, or because the session ended, the answer waits for this long.
    fn max_lease(&self) -> Duration {
        Duration::ZERO
    }
}

/// How many sessions a store is given at once in one call, at most; a page of a list may be as long.
pub const BATCH: usize = 500;

/// How many sessions a principal may have at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// The largest number of live sessions.
    pub count: NonZeroU32,
    /// What happens to one more.
    pub when_reached: LimitPolicy,
}

impl Limit {
    /// A limit of `count` sessions.
    #[must_use]
    pub const fn new(count: NonZeroU32, when_reached: LimitPolicy) -> Self {
        Self { count, when_reached }
    }
}

/// What happens to a login that would exceed the limit of concurrent sessions (OWASP ASVS 7.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPolicy {
    /// The login is refused.
    Reject,
    /// The session that logged in first ends.
    EndOldest,
}

/// The answer to [`Store::add_member`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// The session is a member. The caller destroys and dismisses the sessions listed.
    Admitted {
        /// Sessions that have to end to make room.
        displaced: Vec<Selector>,
    },
    /// The limit is reached and its policy is [`LimitPolicy::Reject`].
    Refused,
    /// The session is not a member yet: more sessions than those listed have to end. The caller destroys and dismisses
    /// these and asks again.
    Incomplete {
        /// Sessions that have to end to make room.
        displaced: Vec<Selector>,
    },
}
