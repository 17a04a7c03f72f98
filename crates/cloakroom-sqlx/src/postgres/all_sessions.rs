//! Principals and the number of sessions, of the whole namespace.

use cloakroom::store::{BATCH, Cursor, Page, PageRequest, Principal, StoreError};
use sqlx::Row;

use super::fault::{self, Effect};
use super::rows;
use super::store::StoreInner;
use super::text::unescape;

impl StoreInner {
    /// Lists the principals whose first member was admitted after `after`.
    pub(super) async fn list_principals(&self, after: i64, page: &PageRequest) -> Result<Page<Principal>, StoreError> {
        let limit = page.limit.get().min(BATCH);
        let found = self
            .database
            .call(Effect::Reads, |mut link| async move {
                let query = link.query(&self.database.statements.list_principals);
                let query = query.bind(self.namespace.as_str().to_owned()).bind(after);
                let query = query.bind(i64::try_from(limit).unwrap_or(i64::MAX));
                Ok((link.once_all(query).await?, link))
            })
            .await?;
        let read = || {
            let (mut next, mut principals) = (None, Vec::new());
            for row in &found {
                next = Some(row.try_get::<i64, _>("admission")?);
                if row.try_get::<bool, _>("is_listed")? {
                    principals.push(row.try_get::<String, _>("principal")?);
                }
            }
            Ok((principals, next.filter(|_| found.len() == limit)))
        };
        let (principals, next) = read().map_err(|error| fault::fault(error, Effect::Reads))?;
        let plain = principals.into_iter().map(|text| unescape(text, "principal").map(Principal::from));
        let principals = plain.collect::<Result<_, _>>().map_err(fault::malformed)?;
        Ok(Page::new(principals, next.map(|admission| Cursor::new(admission.to_string()))))
    }

    /// Counts the live sessions.
    pub(super) async fn count(&self) -> Result<u64, StoreError> {
        let bind = |query: rows::PgQuery<'static>| query.bind(self.namespace.as_str().to_owned());
        let row = self.database.query_row(Effect::Reads, &self.database.statements.count, bind).await?;
        let count = row.map_or(Ok(0), |row| row.try_get::<i64, _>(0));
        count.map(i64::unsigned_abs).map_err(|error| fault::fault(error, Effect::Reads))
    }
}
