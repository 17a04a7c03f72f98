use cloakroom::Timestamp;
use cloakroom::store::{Member, Namespace, Principal};
use sqlx::{Row, SqlitePool};

use super::{fault, rows, statements};
use crate::record::{self, Malformed, instant};

/// A page of the live sessions of a principal, and the admission to continue after.
pub(super) type Listed = (Vec<Member>, Option<i64>);

/// Lists the sessions that were admitted after `after`.
pub(super) async fn list_members(
    pool: &SqlitePool,
    namespace: &Namespace,
    principal: &Principal,
    after: i64,
    limit: usize,
    now: Timestamp,
) -> sqlx::Result<Result<Listed, Malformed>> {
    let list = sqlx::query(statements::LIST_MEMBERS).bind(instant(now)).bind(namespace.as_str());
    let list = list.bind(principal.as_str()).bind(after).bind(i64::try_from(limit).unwrap_or(i64::MAX));
    let found = list.fetch_all(pool).await?;
    let mut next = None;
    let mut members = Vec::new();
    for row in &found {
        next = Some(row.try_get(0)?);
        // Without a row, the session is gone; its member is removed with the next admission.
        let Some(format) = row.try_get::<Option<i64>, _>(2)? else { continue };
        let selector = match record::selector(row.try_get(1)?) {
            Ok(selector) => selector,
            Err(malformed) => return Ok(Err(malformed)),
        };
        match rows::summary(row, 3)?.decode_as(format) {
            Ok(summary) if summary.is_of_another(principal) => {}
            summary => members.push(Member::new(selector, summary.map_err(fault::malformed))),
        }
    }
    Ok(Ok((members, next.filter(|_| found.len() == limit))))
}
