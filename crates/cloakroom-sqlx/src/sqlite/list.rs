use cloakroom::store::{Namespace, Selector};
use sqlx::{Row, SqlitePool};

use super::statements;
use crate::record::{self, Malformed};

/// A page of the sessions, and the row to continue after.
pub(super) type Listed = (Vec<Selector>, Option<i64>);

/// Lists the sessions in the `limit` rows after `after`, whether or not they can be decoded.
pub(super) async fn list(
    pool: &SqlitePool,
    namespace: &Namespace,
    after: i64,
    limit: usize,
) -> sqlx::Result<Result<Listed, Malformed>> {
    let list = sqlx::query(statements::LIST).bind(namespace.as_str()).bind(after);
    let found = list.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(pool).await?;
    let mut next = None;
    let mut selectors = Vec::new();
    for row in &found {
        next = Some(row.try_get(0)?);
        if !row.try_get::<bool, _>(2)? {
            continue;
        }
        match record::selector(row.try_get(1)?) {
            Ok(selector) => selectors.push(selector),
            Err(malformed) => return Ok(Err(malformed)),
        }
    }
    Ok(Ok((selectors, next.filter(|_| found.len() == limit))))
}
