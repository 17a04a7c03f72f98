//! The shared tier: the contract between Cloakroom and a store that keeps records for all nodes.
//!
//! You need this module to write a store, not to use one. A store keeps one [`Record`] per session,
//! found by its [`Selector`], and offers a few operations, each of which is atomic for its session.
//! Absence, conflict and the end of a session are results; [`StoreError`] is for faults.
//!
//! Every store guarantees the following, in addition to what each method specifies:
//!
//! - **Only [`create`](Store::create) creates a record.** Every other operation returns `Gone` (or
//!   `None`, or skips) for a record that does not exist. A late write can therefore never resurrect
//!   a session that ended.
//! - **The store enforces the lifetimes itself**, on its own clock: from
//!   [`Lifetimes::store_deadline`] on, a record is absent for every operation.
//! - **All or nothing.** An operation that returns anything but success has changed nothing. An
//!   operation that fails with [`StoreErrorKind::Unknown`] has done either all of its work or none.
//! - **A replaced secret is rejected at once**, whatever any clock shows:
//!   [`PreviousSecretState::Replaced`] is a state of the record, not an instant that a clock has to
//!   reach. The grace of a [renewed](PreviousSecretState::Renewed) secret is compared with the
//!   latest of the store's clock, the record's `last_seen` and, for a commit, its `now`, so that a
//!   lagging clock does not prolong it.
//! - **Removed values keep their versions.** A removal leaves [`Payload::Removed`] behind under the
//!   record's new version, even if there was no value; so does `keep_only`. A later
//!   [`Expect::Version`] of an older version must not hold.
//! - **Futures may be dropped** at any await point without leaving a record half-written.
//!
//! `cloakroom_testkit::conformance` checks each of these guarantees, by name.

mod all_sessions;
mod commit;
mod dyn_store;
mod endpoint;
mod error;
mod json_depth;
mod leases;
mod member;
mod namespace;
mod page;
mod record;
mod rules;
pub mod transfer;

pub use commit::{Action, Commit, CommitReceipt, Committed, Created, Destroyed, Edit, Expect, Rotation, Touch};
pub use endpoint::Endpoint;
pub use error::{StoreError, StoreErrorKind};
pub use leases::Leases;
pub use member::{Member, Summary};
pub use namespace::Namespace;
pub use page::{Cursor, Page, PageRequest};
pub use record::{Head, Invalidate, Lease, LeasedRecord, Payload, Record, StoredValue};
pub use rules::Decision;

#[doc(hidden)]
pub use dyn_store::DynStore;
pub(crate) use json_depth::{MAX_DEPTH, is_within, is_within_max_depth};

pub use crate::lifetimes::Lifetimes;
pub use crate::token::{Authentication, Guard, PreviousSecret, PreviousSecretState, Principal, Selector, Verifier};
pub use crate::writers::{LastWrite, REMEMBERED_WRITERS, Trace, Writers};

use std::future::Future;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::time::Timestamp;

/// Keeps the records of all sessions, for all nodes.
///
/// Implement it for a type that is cheap to call concurrently; Cloakroom shares one instance. The
/// [module](self) lists the guarantees that hold for every method. Run `cloakroom_testkit::conformance` on
/// every implementation.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a session store",
    note = "implement `cloakroom::store::Store` and run `cloakroom_testkit::conformance` on it"
)]
pub trait Store: Send + Sync + 'static {
    /// Reads the record of a session.
    ///
    /// Returns `None` if the record does not exist or its lifetimes are over. Never creates
    /// anything.
    ///
    /// # Errors
    /// A fault, including a record that cannot be decoded as a whole ([`StoreErrorKind::Corrupt`]).
    /// The store does not decode the payload of a single value: it keeps bytes.
    fn load(&self, selector: Selector) -> impl Future<Output = Result<Option<LeasedRecord>, StoreError>> + Send;

    /// Inserts a new record if its selector is unused.
    ///
    /// Returns [`Created::Exists`] and changes nothing if a live record has this selector.
    /// Exception: if that record has the same `nonce`, an earlier attempt of this call succeeded,
    /// and the result is [`Created::Done`].
    ///
    /// # Errors
    /// A fault.
    fn create(&self, selector: Selector, record: Record) -> impl Future<Output = Result<Created, StoreError>> + Send;

    /// Applies edits, a rotation and new lifetimes to a record, all or nothing.
    ///
    /// The first condition that applies decides the result:
    ///
    /// 1. The record is absent: [`Committed::Gone`].
    /// 2. [`Writers::trace`] of the record returns [`Trace::Applied`]: [`Committed::Done`] again,
    ///    without a second application; with the whole record if others have written since.
    /// 3. [`Writers::trace`] returns [`Trace::Unknown`]: [`Committed::Unknown`] if the commit is a
    ///    retry, otherwise [`Committed::Conflict`]. A first attempt whose caller still awaits the
    ///    result has not been applied, and one whose caller has given up must not be applied.
    /// 4. The guard does not hold: [`Committed::Superseded`] with the present record.
    /// 5. The commit's `base` is newer than the record; or `exact_base` is set and the record has
    ///    another version; or the expectation of an edit does not hold: [`Committed::Conflict`]
    ///    with the present record.
    /// 6. Otherwise apply everything and return [`Committed::Done`].
    ///
    /// To apply a commit: the record's version grows by the commit's `step`, each edited value gets
    /// that version, the nonce is replaced, the write is added to the [`Writers`], and the idle
    /// timeout restarts. Apply the rotation first and the edits after it, so that a value written
    /// by the same commit is not removed by `keep_only`.
    ///
    /// The receipt contains the whole record unless the commit was applied to exactly its `base`
    /// and is still the last write, so that the caller receives the changes of others in the same
    /// round trip.
    ///
    /// # Errors
    /// A fault. After [`StoreErrorKind::Unknown`] the caller may repeat the same commit as a retry.
    fn commit(&self, selector: Selector, commit: Commit) -> impl Future<Output = Result<Committed, StoreError>> + Send;

    /// Restarts the idle timeouts of sessions that were seen, each if its guard holds.
    ///
    /// Called in the background with batches. Never lowers a record's `last_seen`, never creates a
    /// record, and skips records that are gone. A touch whose guard does not hold changes nothing.
    /// The guard must be checked in the same atomic step as the change: a caller without a current
    /// copy cannot tell whether the presented secret is valid, and a client that knows only the
    /// selector, or a replaced secret, must not keep a session alive. The grace of a previous
    /// secret is compared with the latest of the store's clock, the touch's `seen` and the record's
    /// `last_seen`.
    ///
    /// # Errors
    /// A fault; the caller drops the batch, and later touches make up for it.
    fn touch(&self, touches: Vec<Touch>) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Removes a record if the guard holds.
    ///
    /// The first condition that applies decides the result:
    ///
    /// 1. The record is absent: [`Destroyed::Gone`].
    /// 2. The guard does not hold: [`Destroyed::Superseded`].
    /// 3. Otherwise the record is removed: [`Destroyed::Done`].
    ///
    /// The guard prevents a logout under a token that was just replaced from ending the login that
    /// replaced it, so it must be checked in the same atomic step. There is no commit that carries
    /// the caller's time: the grace of a renewed secret is over if it is over on the store's clock
    /// or by the record's `last_seen`.
    ///
    /// Idempotent.
    ///
    /// # Errors
    /// A fault; the caller must then assume that the session is still alive.
    fn destroy(&self, selector: Selector, guard: Guard) -> impl Future<Output = Result<Destroyed, StoreError>> + Send;

    /// Removes several records, whatever their secrets are.
    ///
    /// Returns for each selector the result of [`destroy`](Self::destroy) under [`Guard::Anyone`],
    /// in the order of the selectors. Each record is removed independently: the fault of one does
    /// not affect the others. If a selector is listed twice, either of its two results may be
    /// [`Destroyed::Done`]. The caller passes at most [`BATCH`] selectors. The default removes one
    /// record after the other; a store that can remove several in one round trip should override
    /// it.
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

    /// Adds a session to the index of its principal, atomically with the limit.
    ///
    /// Without a limit, adds it and returns [`Admission::Admitted`]. With a limit, counts the other
    /// members that are alive:
    ///
    /// - Fewer than `limit.count`: adds the session and returns [`Admission::Admitted`].
    /// - Otherwise, under [`LimitPolicy::Reject`]: returns [`Admission::Refused`], unless
    ///   `selector` is a member already; then [`Admission::Admitted`].
    /// - Otherwise, under [`LimitPolicy::EndOldest`]: adds the session and returns in
    ///   [`Admission::Admitted`] the members that have to end: the oldest others, by time of
    ///   admission. If these are more than [`BATCH`], adds nothing and returns [`BATCH`] of them in
    ///   [`Admission::Incomplete`].
    ///
    /// Members that have to end stay in the index until [`remove_members`](Self::remove_members)
    /// removes them, and a later admission returns them again. They are thus found even if the
    /// result was lost, or the process that should have ended them.
    ///
    /// Members whose record is gone do not count. If there are more than [`BATCH`] members and the
    /// policy is [`LimitPolicy::EndOldest`], members that the store has not examined yet may count.
    ///
    /// A session is created first, then admitted, then logged in by a commit. Therefore a member
    /// with a live record must never be dropped because it is not logged in, or is logged in as
    /// another principal: its login may be about to follow. It counts towards the limit like any
    /// other.
    ///
    /// Members whose record is gone are removed from the index by later admissions, at whatever
    /// position they are. One admission does a bounded amount of that work.
    ///
    /// The session ends at `until` at the latest. A store may delete the index once the latest
    /// `until` it received has passed, and not before. Admitting a member again may extend its
    /// `until`.
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

    /// Removes sessions from the index of a principal, at most [`BATCH`] per call.
    ///
    /// Idempotent.
    ///
    /// # Errors
    /// A fault; the members are then removed when they are next found without a record.
    fn remove_members(
        &self,
        principal: &Principal,
        selectors: Vec<Selector>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// Lists the live sessions of a principal, oldest admission first, in pages.
    ///
    /// A page has at most as many members as requested. It may have fewer, or none, even if the
    /// list continues. A session that is a member from before the first page until after the last
    /// one is on exactly one page, whichever members are added or removed meanwhile.
    ///
    /// A member whose record is gone, or is logged in as another principal, is left out. A member
    /// whose record cannot be decoded or read is listed with that fault, so that it neither hides
    /// the others nor escapes being ended.
    ///
    /// # Errors
    /// A fault; [`StoreErrorKind::Corrupt`] only if the index itself cannot be decoded.
    /// [`StoreErrorKind::InvalidCursor`] for a cursor that this store did not issue.
    fn list_members(
        &self,
        principal: &Principal,
        page: PageRequest,
    ) -> impl Future<Output = Result<Page<Member>, StoreError>> + Send;

    /// Asks for a report of the next change of a principal's index, by any node.
    ///
    /// The store then calls [`Invalidate::members_changed`] once, or several times. Streams that
    /// follow the list ask before each read of it, which is once per second at least, so a store may
    /// forget a request after a few seconds. A report may be lost with a connection, and one that
    /// nothing has caused is harmless.
    ///
    /// The default asks for nothing, so that changes by other nodes are found by those reads.
    ///
    /// # Errors
    /// A fault. Nothing is reported then.
    fn watch_members(&self, principal: &Principal) -> impl Future<Output = Result<(), StoreError>> + Send {
        let _ = principal;
        std::future::ready(Ok(()))
    }

    /// Lists the sessions of the namespace, in no particular order, in pages.
    ///
    /// A session that is alive from before the first page until after the last one is on at least
    /// one page, whichever sessions begin, change or end meanwhile; it may be on several. Sessions
    /// that have ended may be listed too. A session whose record cannot be decoded is listed, so
    /// that it does not hide.
    ///
    /// The limit of the request bounds the work of one call. A page may have fewer items, or none,
    /// even if the list continues, and may have a few more.
    ///
    /// # Errors
    /// A fault. [`StoreErrorKind::InvalidCursor`] for a cursor that this store did not issue.
    fn list(&self, page: PageRequest) -> impl Future<Output = Result<Page<Selector>, StoreError>> + Send;

    /// Lists the principals that have sessions, in no particular order, in pages.
    ///
    /// A principal with a session that is a member from before the first page until after the last
    /// one is on at least one page, whichever members are added or removed meanwhile; it may be on
    /// several. A principal whose sessions have all ended may be listed until its index is cleaned
    /// up.
    ///
    /// The limit of the request bounds the work of one call. A page may have fewer items, or none,
    /// even if the list continues, and may have a few more.
    ///
    /// The default reads the record of every session, so a store that keeps an index of principals
    /// should override it.
    ///
    /// # Errors
    /// A fault. [`StoreErrorKind::InvalidCursor`] for a cursor that this store did not issue.
    fn list_principals(&self, page: PageRequest) -> impl Future<Output = Result<Page<Principal>, StoreError>> + Send {
        all_sessions::principals(self, page)
    }

    /// Returns the number of sessions in the namespace.
    ///
    /// Exact if no session begins or ends meanwhile. Sessions that have ended and were not removed
    /// yet may count.
    ///
    /// The default lists all sessions; a store that can count them should override it.
    ///
    /// # Errors
    /// A fault.
    fn count(&self) -> impl Future<Output = Result<u64, StoreError>> + Send {
        all_sessions::count(self)
    }

    /// Separates the records of one application from those of others in the same database.
    ///
    /// It is the same text on every node for as long as the records live. Verifiers and encrypted
    /// data are bound to it, so that a record that is moved to another namespace cannot be opened.
    /// The default is empty: nothing to separate.
    fn namespace(&self) -> &str {
        ""
    }

    /// Returns the system and the server behind this store, for the spans of its calls.
    ///
    /// Asked once, when the sessions are built. The default names nothing.
    fn endpoint(&self) -> Endpoint {
        Endpoint::default()
    }

    /// Registers the local tier that caches this store's records.
    ///
    /// From then on the store calls [`Invalidate::invalidate`] whenever a record that was read
    /// through this instance was changed by another writer, and [`Invalidate::invalidate_all`] or
    /// [`Invalidate::invalidate_those`] whenever it may have missed such a change. A store that is
    /// not notified of changes does nothing here and never returns `true` from
    /// [`is_lease_valid`](Store::is_lease_valid). That is the default.
    fn subscribe(&self, copies: Arc<dyn Invalidate>) {
        drop(copies);
    }

    /// Returns `true` if a copy that was read under `lease` may still be served without asking the
    /// store.
    ///
    /// Called on every request: it must neither block nor wait. `false`, the default, costs one
    /// load.
    fn is_lease_valid(&self, lease: Lease) -> bool {
        let _ = lease;
        false
    }

    /// Returns `true` if changes by other nodes do not arrive at present, so that no copies are kept
    /// and every request asks the store.
    ///
    /// For a metric, once a second; it must neither block nor wait. The default is `false`, which is
    /// right for a store that never gives leases.
    fn is_lease_lost(&self) -> bool {
        false
    }

    /// Returns the time on the store's clock, if it is known without a round trip.
    ///
    /// Each node compares it with its own clock and logs an error if the two differ by more than a
    /// minute. Called about every second, so it must neither block nor wait. The default is `None`:
    /// not known.
    fn time(&self) -> Option<Timestamp> {
        None
    }

    /// Returns the maximum time for which a node may serve a copy that another node has changed, if
    /// the invalidation does not arrive.
    ///
    /// It is the same on every node. The default is zero: invalidations are never late.
    ///
    /// A client's token carries the newest version that the client has written or seen, so that no
    /// node serves it an older one. If a token with that version cannot be sent, because the store
    /// became unreachable before the response was ready, or because the session ended, the response
    /// waits for this long instead.
    fn max_lease(&self) -> Duration {
        Duration::ZERO
    }
}

/// The maximum number of sessions in one call to a store; also the maximum size of a page.
pub const BATCH: usize = 500;

/// The number of sessions that a principal may have at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limit {
    /// The maximum number of live sessions.
    pub count: NonZeroU32,
    /// The policy for a login beyond that number.
    pub when_reached: LimitPolicy,
}

impl Limit {
    /// A limit of `count` sessions.
    #[must_use]
    pub const fn new(count: NonZeroU32, when_reached: LimitPolicy) -> Self {
        Self { count, when_reached }
    }
}

/// The policy for a login that would exceed the limit of concurrent sessions (OWASP ASVS 7.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitPolicy {
    /// The login is refused.
    Reject,
    /// The session with the oldest login ends.
    EndOldest,
}

/// The result of [`Store::add_member`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Admission {
    /// The session is a member. The caller destroys the listed sessions and removes them from the
    /// index.
    Admitted {
        /// Sessions that have to end to make room.
        displaced: Vec<Selector>,
    },
    /// The limit is reached and its policy is [`LimitPolicy::Reject`].
    Refused,
    /// The session is not a member yet, because more sessions have to end than are listed. The
    /// caller destroys the listed ones, removes them from the index and calls again.
    Incomplete {
        /// Sessions that have to end to make room.
        displaced: Vec<Selector>,
    },
}
