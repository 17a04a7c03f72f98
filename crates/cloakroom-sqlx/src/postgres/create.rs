use cloakroom::store::{Created, Record, Selector, StoreError};

use super::commit::written_by;
use super::database::Link;
use super::fault::{self, Effect};
use super::rows::{self, PgQuery, ValueArrays};
use super::store::StoreInner;
use crate::record::check_version;

impl StoreInner {
    pub(super) async fn create(&self, selector: Selector, record: &Record) -> Result<Created, StoreError> {
        check_version(record.version).map_err(fault::malformed)?;
        let current = self.feed.current();
        let bind = |query| self.bind_insert(query, selector, record);
        let row = self.database.query_row(Effect::Writes, &self.database.statements.insert, bind).await?;
        if let Some(server) = row.as_ref().and_then(written_by) {
            return Ok(Created::Done(current.lease_of(server)));
        }
        let created = self.database.call(Effect::Writes, |link| self.create_again(link, selector, record)).await?;
        Ok(created.map_or(Created::Exists, |server| Created::Done(current.lease_of(server))))
    }

    /// Creates a record in place of one whose time is over. Returns the server if the record exists
    /// afterwards.
    async fn create_again(
        &self,
        mut link: Link,
        selector: Selector,
        record: &Record,
    ) -> sqlx::Result<(Option<i64>, Link)> {
        link.begin().await?;
        let created = match self.lock(&mut link, selector).await? {
            Some(session) if session.is_live() => {
                let is_repeated = session.record.is_ok_and(|present| present.nonce == record.nonce);
                is_repeated.then_some(session.server)
            }
            present => {
                if let Some(session) = present {
                    self.remove(&mut link, session.id, selector, super::random_number()).await?;
                }
                let insert = self.bind_insert(link.query(&self.database.statements.insert), selector, record);
                written_by(&insert.fetch_one(link.connection()?).await?)
            }
        };
        link.commit().await?;
        Ok((created, link))
    }

    fn bind_insert(&self, query: PgQuery<'static>, selector: Selector, record: &Record) -> PgQuery<'static> {
        let query = query.bind(self.namespace.as_str().to_owned()).bind(selector.as_bytes().to_vec());
        ValueArrays::of(&record.values).bind(rows::bind_record(query, record))
    }
}
