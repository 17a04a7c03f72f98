use std::collections::HashSet;

use cloakroom::store::{Destroyed, Guard, Selector, StoreError};
use sqlx::Row;

use super::database::Link;
use super::fault::{self, Effect};
use super::rows;
use super::store::StoreInner;
use crate::record::{self, Malformed};

impl StoreInner {
    /// Removes a record if the guard holds. `write` identifies the removal.
    pub(super) async fn destroy(&self, selector: Selector, guard: Guard, write: i64) -> Result<Destroyed, StoreError> {
        let destroyed =
            self.database.call(Effect::Writes, |link| self.destroy_locked(link, selector, guard, write)).await?;
        destroyed.map_err(fault::malformed)
    }

    async fn destroy_locked(
        &self,
        mut link: Link,
        selector: Selector,
        guard: Guard,
        write: i64,
    ) -> sqlx::Result<(Result<Destroyed, Malformed>, Link)> {
        link.begin().await?;
        let destroyed = match self.lock(&mut link, selector).await? {
            Some(session) if session.is_live() => match session.record {
                // The application can end a session even if its row cannot be decoded.
                Err(malformed) if guard != Guard::Anyone => Err(malformed),
                Ok(record) if !record.admits(guard, session.now) => Ok(Destroyed::Superseded),
                _ => {
                    self.remove(&mut link, session.id, selector, write).await?;
                    Ok(Destroyed::Done)
                }
            },
            _ => Ok(Destroyed::Gone),
        };
        link.commit().await?;
        Ok((destroyed, link))
    }

    /// Removes a session whose row is locked.
    pub(super) async fn remove(&self, link: &mut Link, id: i64, selector: Selector, write: i64) -> sqlx::Result<()> {
        let query = link.query(&self.database.statements.remove).bind(id).bind(self.namespace.as_str().to_owned());
        let query = query.bind(selector.as_bytes().to_vec()).bind(write);
        query.execute(link.connection()?).await.map(drop)
    }

    /// Removes records, whatever their secrets are, and returns which of them were alive.
    pub(super) async fn destroy_many(
        &self,
        selectors: &[Selector],
        write: i64,
    ) -> Result<HashSet<Selector>, StoreError> {
        self.database
            .call(Effect::Writes, |mut link| async move {
                let query = link.query(&self.database.statements.remove_many);
                let query = query.bind(self.namespace.as_str().to_owned()).bind(rows::selectors(selectors)).bind(write);
                let removed = link.once_all(query).await?;
                let selectors = removed.iter().map(|row| row.try_get::<Vec<u8>, _>(0));
                let selectors = selectors.collect::<sqlx::Result<Vec<_>>>()?;
                Ok((selectors.iter().filter_map(|bytes| record::selector(bytes).ok()).collect(), link))
            })
            .await
    }
}
