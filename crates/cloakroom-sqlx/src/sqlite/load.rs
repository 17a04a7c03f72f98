use cloakroom::Timestamp;
use cloakroom::store::{Namespace, Record, Selector};
use sqlx::SqlitePool;

use super::session::SessionRow;
use super::{rows, statements};
use crate::record::Malformed;

/// Reads a record. `None` if there is no session or its time is over.
pub(super) async fn load(
    pool: &SqlitePool,
    namespace: &Namespace,
    selector: Selector,
    now: Timestamp,
) -> sqlx::Result<Result<Option<Record>, Malformed>> {
    let query = rows::bind_selector(sqlx::query(statements::LOAD).bind(namespace.as_str()), selector);
    let Some(row) = query.fetch_optional(pool).await? else { return Ok(Ok(None)) };
    let session = SessionRow::read(&row)?;
    if !session.is_live(now) {
        return Ok(Ok(None));
    }
    Ok(session.into_record().map(Some))
}
