use cloakroom::store::{BATCH, Cursor, Page, PageRequest, Selector, StoreError};
use sqlx::Row;

use super::fault::{self, Effect};
use super::store::StoreInner;
use crate::record;

impl StoreInner {
    /// Lists the sessions in the rows after `after`, whether or not they can be decoded.
    pub(super) async fn list(&self, after: i64, page: &PageRequest) -> Result<Page<Selector>, StoreError> {
        let limit = page.limit.get().min(BATCH);
        let found = self
            .database
            .call(Effect::Reads, |mut link| async move {
                let query = link.query(&self.database.statements.list).bind(self.namespace.as_str().to_owned());
                let query = query.bind(after).bind(i64::try_from(limit).unwrap_or(i64::MAX));
                Ok((link.once_all(query).await?, link))
            })
            .await?;
        let read = || {
            let mut next = None;
            let mut selectors = Vec::new();
            for row in &found {
                next = Some(row.try_get::<i64, _>("id")?);
                if row.try_get::<bool, _>("is_listed")? {
                    selectors.push(record::selector(row.try_get("selector")?));
                }
            }
            Ok((selectors, next.filter(|_| found.len() == limit)))
        };
        let (selectors, next) = read().map_err(|error| fault::fault(error, Effect::Reads))?;
        let selectors = selectors.into_iter().collect::<Result<_, _>>().map_err(fault::malformed)?;
        Ok(Page::new(selectors, next.map(|row| Cursor::new(row.to_string()))))
    }
}
