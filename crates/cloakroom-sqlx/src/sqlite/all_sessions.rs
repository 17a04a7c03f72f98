//! Principals and the number of sessions, of the whole namespace.

use cloakroom::Timestamp;
use cloakroom::store::{Namespace, Principal};
use sqlx::{Row, SqlitePool};

use super::statements;
use crate::record::instant;

/// A page of the principals, and the admission to continue after.
pub(super) type ListedPrincipals = (Vec<Principal>, Option<i64>);

/// Lists the principals whose first member was admitted after `after`.
pub(super) async fn list_principals(
    pool: &SqlitePool,
    namespace: &Namespace,
    after: i64,
    limit: usize,
) -> sqlx::Result<ListedPrincipals> {
    let list = sqlx::query(statements::LIST_PRINCIPALS).bind(namespace.as_str()).bind(after);
    let found = list.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(pool).await?;
    let (mut next, mut principals) = (None, Vec::new());
    for row in &found {
        next = Some(row.try_get(0)?);
        if row.try_get(2)? {
            principals.push(Principal::from(row.try_get::<String, _>(1)?));
        }
    }
    Ok((principals, next.filter(|_| found.len() == limit)))
}

/// Counts the sessions that live at `now`.
pub(super) async fn count(pool: &SqlitePool, namespace: &Namespace, now: Timestamp) -> sqlx::Result<u64> {
    let count = sqlx::query(statements::COUNT).bind(namespace.as_str()).bind(instant(now));
    count.fetch_one(pool).await?.try_get::<i64, _>(0).map(i64::unsigned_abs)
}
