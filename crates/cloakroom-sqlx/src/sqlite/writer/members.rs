//! The index of a principal's sessions.
//!
//! A session takes its members with it when it is removed, so the only dead ones are those of
//! sessions that have expired and are not removed yet, and those that were admitted too late.

use cloakroom::store::{Admission, BATCH, Limit, LimitPolicy, Principal, Selector};

use super::batch::Batch;
use super::job::{Answer, Operation};
use crate::record::{self, instant};
use crate::sqlite::{fault, rows, statements};

/// The number of members that an admission below the limit checks for dead ones.
const PROBED: i64 = 16;

pub(in crate::sqlite) struct Admit {
    pub(in crate::sqlite) principal: Principal,
    pub(in crate::sqlite) selector: Selector,
    pub(in crate::sqlite) limit: Option<Limit>,
}

impl Operation for Admit {
    type Output = Admission;

    fn selectors(&self) -> &[Selector] {
        &[]
    }

    async fn apply(&self, batch: &mut Batch) -> sqlx::Result<Answer<Admission>> {
        // The statements below look at the expiry of sessions.
        batch.flush().await?;
        self.remove_dead(batch, PROBED).await?;
        let is_member = self.count(batch, Some(self.selector)).await? > 0;
        let mut displaced = Vec::new();
        if let Some(limit) = self.limit {
            let excess = self.excess(batch, limit, is_member).await?;
            match limit.when_reached {
                LimitPolicy::Reject if excess > 0 && !is_member => return Ok(Ok(Admission::Refused)),
                LimitPolicy::Reject => {}
                LimitPolicy::EndOldest => {
                    displaced = match self.oldest(batch, excess.min(BATCH as i64)).await? {
                        Ok(oldest) => oldest,
                        Err(malformed) => return Ok(Err(fault::malformed(malformed))),
                    };
                    if excess > BATCH as i64 {
                        return Ok(Ok(Admission::Incomplete { displaced }));
                    }
                }
            }
        }
        if !is_member {
            let add = rows::bind_selector(batch.query(statements::ADD_MEMBER), self.selector);
            add.bind(self.principal.as_str()).execute(batch.connection()).await?;
        }
        Ok(Ok(Admission::Admitted { displaced }))
    }
}

impl Admit {
    /// The number of members that are too many once the session is one of them.
    async fn excess(&self, batch: &mut Batch, limit: Limit, is_member: bool) -> sqlx::Result<i64> {
        let places = i64::from(limit.count.get()) - i64::from(!is_member);
        let members = self.count(batch, None).await?;
        if members <= places {
            return Ok(0);
        }
        // All of them, because a dead member must not cause a refusal.
        let looked_at = if limit.when_reached == LimitPolicy::Reject { -1 } else { BATCH as i64 };
        self.remove_dead(batch, looked_at).await?;
        Ok(self.count(batch, None).await?.saturating_sub(places).max(0))
    }

    /// The number of members, or whether one is a member.
    async fn count(&self, batch: &mut Batch, selector: Option<Selector>) -> sqlx::Result<i64> {
        let count = match selector {
            Some(selector) => rows::bind_selector(batch.query(statements::IS_MEMBER), selector),
            None => batch.query(statements::COUNT_MEMBERS),
        };
        let row = count.bind(self.principal.as_str()).fetch_one(batch.connection()).await?;
        sqlx::Row::try_get(&row, 0)
    }

    /// Removes the dead among the oldest members; -1 for all of them.
    async fn remove_dead(&self, batch: &mut Batch, looked_at: i64) -> sqlx::Result<()> {
        let now = instant(batch.now());
        let remove = batch.query(statements::REMOVE_DEAD_MEMBERS);
        let remove = remove.bind(self.principal.as_str()).bind(looked_at).bind(now);
        remove.execute(batch.connection()).await.map(drop)
    }

    async fn oldest(&self, batch: &mut Batch, count: i64) -> sqlx::Result<Result<Vec<Selector>, record::Malformed>> {
        let oldest = batch.query(statements::OLDEST_MEMBERS).bind(self.principal.as_str());
        let oldest = rows::bind_selector(oldest, self.selector).bind(count);
        let found = oldest.fetch_all(batch.connection()).await?;
        let bytes = found.iter().map(|row| sqlx::Row::try_get(row, 0)).collect::<sqlx::Result<Vec<Vec<u8>>>>()?;
        Ok(bytes.iter().map(|bytes| record::selector(bytes)).collect())
    }
}

pub(in crate::sqlite) struct Dismiss {
    pub(in crate::sqlite) principal: Principal,
    pub(in crate::sqlite) selectors: Vec<Selector>,
}

impl Operation for Dismiss {
    type Output = ();

    fn selectors(&self) -> &[Selector] {
        &[]
    }

    async fn apply(&self, batch: &mut Batch) -> sqlx::Result<Answer<()>> {
        let namespace = batch.namespace().clone();
        let remove = |query: rows::Statement, selector: &Selector| {
            rows::bind_selector(query.bind(namespace.as_str()), *selector).bind(self.principal.as_str())
        };
        batch.run(&statements::REMOVE_MEMBER, &self.selectors, remove).await?;
        Ok(Ok(()))
    }
}
