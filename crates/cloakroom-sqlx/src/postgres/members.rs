use cloakroom::store::{Admission, BATCH, Cursor, Limit, Member, Page, PageRequest, Principal, Selector, StoreError};
use sqlx::Row;

use super::database::Link;
use super::fault::{self, Effect};
use super::rows;
use super::statements::{Statement, Statements};
use super::store::StoreInner;
use super::text::escape;
use crate::admission::{Members, PROBED, PROBED_AMONG, admit};
use crate::record::{self, Malformed};

impl StoreInner {
    pub(super) async fn add_member(
        &self,
        principal: &Principal,
        selector: Selector,
        limit: Option<Limit>,
    ) -> Result<Admission, StoreError> {
        let admission = self
            .database
            .call(Effect::Writes, |mut link| async move {
                link.begin().await?;
                let (namespace, principal) =
                    (self.namespace.as_str().to_owned(), escape(principal.as_str()).into_owned());
                let statements = &*self.database.statements;
                let mut members = LockedMembers { link: &mut link, statements, namespace, principal, selector };
                members.query(&statements.lock_principal).execute(members.link.connection()?).await?;
                let admission = admit(&mut members, limit).await?;
                link.commit().await?;
                Ok((admission, link))
            })
            .await?;
        admission.map_err(fault::malformed)
    }

    pub(super) async fn remove_members(&self, principal: &Principal, selectors: &[Selector]) -> Result<(), StoreError> {
        let bind = |query: rows::PgQuery<'static>| {
            let query = query.bind(self.namespace.as_str().to_owned()).bind(escape(principal.as_str()).into_owned());
            query.bind(rows::selectors(selectors))
        };
        self.database.query_row(Effect::Writes, &self.database.statements.remove_members, bind).await.map(drop)
    }

    /// Lists the sessions that were admitted after `after`.
    pub(super) async fn list_members(
        &self,
        principal: &Principal,
        after: i64,
        page: &PageRequest,
    ) -> Result<Page<Member>, StoreError> {
        let limit = page.limit.get().min(BATCH);
        let found = self
            .database
            .call(Effect::Reads, |mut link| async move {
                let query = link.query(&self.database.statements.list_members);
                let query =
                    query.bind(self.namespace.as_str().to_owned()).bind(escape(principal.as_str()).into_owned());
                let query = query.bind(after).bind(i64::try_from(limit).unwrap_or(i64::MAX));
                Ok((link.once_all(query).await?, link))
            })
            .await?;
        let read = || {
            let mut next = None;
            let mut members = Vec::new();
            for row in &found {
                next = Some(row.try_get::<i64, _>("admission")?);
                // Without a row, the session is gone; its member is removed with the next admission.
                let Some(format) = row.try_get::<Option<i16>, _>("format")? else { continue };
                let Ok(selector) = record::selector(row.try_get("selector")?) else { continue };
                match rows::summary(row)?.decode_as(format.into()) {
                    Ok(summary) if summary.is_of_another(principal) => {}
                    summary => members.push(Member::new(selector, summary.map_err(fault::malformed))),
                }
            }
            let next = next.filter(|_| found.len() == limit).map(|admission| Cursor::new(admission.to_string()));
            Ok(Page::new(members, next))
        };
        read().map_err(|error| fault::fault(error, Effect::Reads))
    }
}

/// The members of a principal whose admissions are locked until the end of the transaction.
struct LockedMembers<'a> {
    link: &'a mut Link,
    statements: &'a Statements,
    namespace: String,
    principal: String,
    selector: Selector,
}

impl LockedMembers<'_> {
    fn query(&self, statement: &Statement) -> rows::PgQuery<'static> {
        self.link.query(statement).bind(self.namespace.clone()).bind(self.principal.clone())
    }

    fn selector(&self) -> Vec<u8> {
        self.selector.as_bytes().to_vec()
    }
}

impl Members for LockedMembers<'_> {
    async fn remove_some_dead(&mut self, random: i64) -> sqlx::Result<()> {
        let query = self.query(&self.statements.remove_some_dead_members).bind(PROBED).bind(random).bind(PROBED_AMONG);
        query.execute(self.link.connection()?).await.map(drop)
    }

    async fn remove_dead(&mut self, looked_at: Option<i64>) -> sqlx::Result<()> {
        let query = self.query(&self.statements.remove_dead_members).bind(looked_at);
        query.execute(self.link.connection()?).await.map(drop)
    }

    async fn count(&mut self) -> sqlx::Result<i64> {
        self.query(&self.statements.count_members).fetch_one(self.link.connection()?).await?.try_get(0)
    }

    async fn is_member(&mut self) -> sqlx::Result<bool> {
        let query = self.query(&self.statements.is_member).bind(self.selector());
        Ok(query.fetch_one(self.link.connection()?).await?.try_get::<i64, _>(0)? > 0)
    }

    async fn older_than_live(&mut self, kept: i64, limit: i64) -> sqlx::Result<Result<Vec<Selector>, Malformed>> {
        let query = self.query(&self.statements.older_than_live).bind(self.selector()).bind(kept).bind(limit);
        let found = query.fetch_all(self.link.connection()?).await?;
        let bytes = found.iter().map(|row| row.try_get(0)).collect::<sqlx::Result<Vec<Vec<u8>>>>()?;
        Ok(bytes.iter().map(|bytes| record::selector(bytes)).collect())
    }

    async fn add(&mut self) -> sqlx::Result<()> {
        let query = self.query(&self.statements.add_member).bind(self.selector());
        query.execute(self.link.connection()?).await.map(drop)
    }
}
