use cloakroom::Timestamp;
use cloakroom::store::{
    Action, Commit, CommitReceipt, Committed, Decision, Guard, Head, Payload, Record, Selector, StoreError,
};
use sqlx::Row;
use sqlx::postgres::PgRow;

use super::database::Link;
use super::fault::{self, Effect};
use super::feed::Current;
use super::rows::{self, PgQuery, ValueArrays};
use super::store::StoreInner;
use super::watched_lists::{ListName, changed_lists};
use crate::record::{Malformed, check_version, encode_writers, instant, to_column};

/// The outcome of a commit, before it is turned into an answer.
enum Outcome {
    Gone,
    Malformed(Malformed),
    Decided { record: Box<Record>, decision: Decision, server: i64 },
}

impl StoreInner {
    /// Commits, in one round trip if the caller knows the present state of the record.
    pub(super) async fn commit(&self, selector: Selector, commit: &Commit) -> Result<Committed, StoreError> {
        let current = self.feed.current();
        if check_version(commit.next_version()).is_ok()
            && let Some(head) = commit.head.as_ref().filter(|head| is_plain(commit, head))
            && let Some(server) = self.commit_known(selector, commit, head).await?
        {
            return Ok(Committed::Done(CommitReceipt::new(commit.next_version(), current.lease_of(server))));
        }
        let outcome = self.database.call(Effect::Writes, |link| self.commit_locked(link, selector, commit)).await?;
        answer(outcome, commit, current)
    }

    /// Changes values of a record whose head is exactly `head`. `None` if it has another one.
    async fn commit_known(&self, selector: Selector, commit: &Commit, head: &Head) -> Result<Option<i64>, StoreError> {
        let next = head.after(commit.nonce, commit.next_version());
        let bind = |query: PgQuery<'static>| {
            let query = query
                .bind(self.namespace.as_str().to_owned())
                .bind(selector.as_bytes().to_vec())
                .bind(to_column(next.version))
                .bind(to_column(commit.nonce))
                .bind(encode_writers(&next.writers))
                .bind(instant(commit.now));
            let query = rows::bind_end(query, &head.lifetimes)
                .bind(to_column(head.version))
                .bind(head.writers.writes().first().map(|write| to_column(write.nonce)))
                .bind(head.verifier.as_bytes().to_vec())
                .bind(encode_writers(&head.writers));
            edits(commit).bind(query)
        };
        let row = self.database.query_row(Effect::Writes, &self.database.statements.commit, bind).await?;
        Ok(row.and_then(|row| written_by(&row)))
    }

    /// Decides about a commit while the row is locked.
    async fn commit_locked(
        &self,
        mut link: Link,
        selector: Selector,
        commit: &Commit,
    ) -> sqlx::Result<(Outcome, Link)> {
        link.begin().await?;
        let outcome = self.decide(&mut link, selector, commit).await?;
        if let Outcome::Decided { decision: Decision::Apply, .. } = outcome {
            link.commit().await?;
        } else {
            link.roll_back().await?;
        }
        Ok((outcome, link))
    }

    async fn decide(&self, link: &mut Link, selector: Selector, commit: &Commit) -> sqlx::Result<Outcome> {
        let Some(session) = self.lock(link, selector).await?.filter(LockedSession::is_live) else {
            return Ok(Outcome::Gone);
        };
        let mut record = match session.record {
            Ok(record) => record,
            Err(malformed) => return Ok(Outcome::Malformed(malformed)),
        };
        // Read after the row was locked: what the statement above has read beside the row may be
        // older than the row.
        let values = link.query(&self.database.statements.values).bind(session.id);
        let values = values.fetch_one(link.connection()?).await?;
        match rows::values(&values)? {
            Ok(values) => record.values = values,
            Err(malformed) => return Ok(Outcome::Malformed(malformed)),
        }
        // The session may have ended while its row was locked by others.
        let now = Timestamp::from_millis(values.try_get::<i64, _>("now")?.try_into().unwrap_or_default());
        if instant(now) >= session.expires_at {
            return Ok(Outcome::Gone);
        }
        let decision = record.decide(commit, now);
        if decision == Decision::Apply {
            if let Err(malformed) = check_version(record.version.saturating_add(commit.step)) {
                return Ok(Outcome::Malformed(malformed));
            }
            let before = record.authentication.clone();
            record.apply(commit);
            let lists = changed_lists(before.as_ref(), record.authentication.as_ref());
            self.update(link, session.id, selector, &record, lists).await?;
        }
        Ok(Outcome::Decided { record: Box::new(record), decision, server: session.server })
    }

    async fn update(
        &self,
        link: &mut Link,
        id: i64,
        selector: Selector,
        record: &Record,
        lists: Vec<ListName>,
    ) -> sqlx::Result<()> {
        let lists = lists.into_iter().map(ListName::into_column);
        let reported: Vec<_> = std::iter::once(selector.as_bytes().to_vec()).chain(lists).collect();
        let changed = record.values.iter().filter(|value| value.version == record.version);
        let query =
            link.query(&self.database.statements.update).bind(self.namespace.as_str().to_owned()).bind(reported);
        let query = ValueArrays::of(changed).bind(rows::bind_record(query, record)).bind(id);
        query.execute(link.connection()?).await.map(drop)
    }

    /// Locks the row of a session until the end of the transaction.
    pub(super) async fn lock(&self, link: &mut Link, selector: Selector) -> sqlx::Result<Option<LockedSession>> {
        let query = link
            .query(&self.database.statements.lock)
            .bind(self.namespace.as_str().to_owned())
            .bind(selector.as_bytes().to_vec());
        let row = query.fetch_optional(link.connection()?).await?;
        row.as_ref().map(LockedSession::read).transpose()
    }
}

/// A session whose row is locked.
pub(super) struct LockedSession {
    pub(super) id: i64,
    pub(super) server: i64,
    pub(super) now: Timestamp,
    expires_at: i64,
    /// The record without its values.
    pub(super) record: Result<Record, Malformed>,
}

impl LockedSession {
    fn read(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            id: row.try_get("id")?,
            server: row.try_get("server")?,
            now: Timestamp::from_millis(row.try_get::<i64, _>("now")?.try_into().unwrap_or_default()),
            expires_at: row.try_get("expires_at")?,
            record: rows::columns(row)?.decode(),
        })
    }

    pub(super) fn is_live(&self) -> bool {
        instant(self.now) < self.expires_at
    }
}

fn answer(outcome: Outcome, commit: &Commit, current: Current) -> Result<Committed, StoreError> {
    match outcome {
        Outcome::Gone => Ok(Committed::Gone),
        Outcome::Malformed(malformed) => Err(fault::malformed(malformed)),
        Outcome::Decided { record, decision, server } => {
            Ok(record.committed(commit, decision, current.lease_of(server)))
        }
    }
}

/// Returns `true` if the commit changes values only, under the record's current secret.
fn is_plain(commit: &Commit, head: &Head) -> bool {
    let is_current = match commit.guard {
        Guard::Anyone => true,
        Guard::Holder(presented) | Guard::Current(presented) => presented == head.verifier,
    };
    is_current && head.version == commit.base && commit.rotation.is_none() && commit.lifetimes.is_none()
}

/// The edits as the values that they make.
fn edits(commit: &Commit) -> ValueArrays {
    let mut arrays = ValueArrays::default();
    for edit in &commit.edits {
        let (payload, fresh_until) = match &edit.action {
            Action::Put { payload, fresh_until } => (payload, *fresh_until),
            Action::Remove => (&Payload::Removed, None),
        };
        arrays.push(&edit.key, commit.next_version(), payload, fresh_until);
    }
    arrays
}

/// The server that has written the row. `None` if the row was not there.
pub(super) fn written_by(row: &PgRow) -> Option<i64> {
    let count: i64 = row.try_get("count").ok()?;
    if count == 0 { None } else { row.try_get("server").ok() }
}
