use cloakroom::store::{Admission, Limit, Principal, Selector};

use super::batch::Batch;
use super::job::{Answer, Operation};
use crate::admission::{Members, PROBED, PROBED_AMONG, admit};
use crate::record::{self, Malformed, instant};
use crate::sqlite::{fault, rows, statements};

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

    async fn apply(&self, batch: &mut Batch<'_>) -> sqlx::Result<Answer<Admission>> {
        // The statements below look at the expiry of sessions.
        batch.flush().await?;
        let mut members = BatchMembers { batch, principal: &self.principal, selector: self.selector };
        Ok(admit(&mut members, self.limit).await?.map_err(fault::malformed))
    }
}

struct BatchMembers<'a, 'c> {
    batch: &'a mut Batch<'c>,
    principal: &'a Principal,
    selector: Selector,
}

impl BatchMembers<'_, '_> {
    async fn number(&mut self, query: rows::Statement) -> sqlx::Result<i64> {
        let row = query.bind(self.principal.as_str().to_owned()).fetch_one(self.batch.connection()).await?;
        sqlx::Row::try_get(&row, 0)
    }
}

impl Members for BatchMembers<'_, '_> {
    async fn remove_some_dead(&mut self, random: i64) -> sqlx::Result<()> {
        let now = instant(self.batch.now());
        let remove = self.batch.query(statements::REMOVE_SOME_DEAD_MEMBERS).bind(self.principal.as_str().to_owned());
        let remove = remove.bind(PROBED).bind(now).bind(random).bind(PROBED_AMONG);
        remove.execute(self.batch.connection()).await.map(drop)
    }

    async fn remove_dead(&mut self, looked_at: Option<i64>) -> sqlx::Result<()> {
        let now = instant(self.batch.now());
        let remove = self.batch.query(statements::REMOVE_DEAD_MEMBERS).bind(self.principal.as_str().to_owned());
        // A negative limit is none.
        let remove = remove.bind(looked_at.unwrap_or(-1)).bind(now);
        remove.execute(self.batch.connection()).await.map(drop)
    }

    async fn count(&mut self) -> sqlx::Result<i64> {
        let count = self.batch.query(statements::COUNT_MEMBERS);
        self.number(count).await
    }

    async fn is_member(&mut self) -> sqlx::Result<bool> {
        let count = rows::bind_selector(self.batch.query(statements::IS_MEMBER), self.selector);
        Ok(self.number(count).await? > 0)
    }

    async fn older_than_live(&mut self, kept: i64, limit: i64) -> sqlx::Result<Result<Vec<Selector>, Malformed>> {
        let now = instant(self.batch.now());
        let older = self.batch.query(statements::OLDER_THAN_LIVE).bind(self.principal.as_str().to_owned());
        let older = rows::bind_selector(older, self.selector).bind(kept).bind(limit).bind(now);
        let found = older.fetch_all(self.batch.connection()).await?;
        let bytes = found.iter().map(|row| sqlx::Row::try_get(row, 0)).collect::<sqlx::Result<Vec<Vec<u8>>>>()?;
        Ok(bytes.iter().map(|bytes| record::selector(bytes)).collect())
    }

    async fn add(&mut self) -> sqlx::Result<()> {
        let add = rows::bind_selector(self.batch.query(statements::ADD_MEMBER), self.selector);
        add.bind(self.principal.as_str().to_owned()).execute(self.batch.connection()).await.map(drop)
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

    async fn apply(&self, batch: &mut Batch<'_>) -> sqlx::Result<Answer<()>> {
        let namespace = batch.namespace().clone();
        let remove = |query: rows::Statement, selector: &Selector| {
            let query = query.bind(namespace.as_str().to_owned());
            rows::bind_selector(query, *selector).bind(self.principal.as_str().to_owned())
        };
        batch.run(&statements::REMOVE_MEMBER, &self.selectors, remove).await?;
        Ok(Ok(()))
    }
}
