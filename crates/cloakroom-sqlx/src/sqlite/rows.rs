//! Rows of SQLite as columns, and columns as parameters.

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row, Sqlite};

use cloakroom::Timestamp;
use cloakroom::store::{Record, Selector};

use crate::record::{Columns, Malformed, SummaryColumns, encode_values, to_column};

pub(super) type Statement = Query<'static, Sqlite, SqliteArguments>;

/// The place of the first column of the record in the rows of a session.
const RECORD: usize = 3;
/// The place of the values in the same rows.
const DOCUMENT: usize = RECORD + 16;

/// What a row says about a session beside its record.
pub(super) struct SessionKey {
    pub(super) selector: Vec<u8>,
    pub(super) id: i64,
    pub(super) expires_at: i64,
}

pub(super) fn session(row: &SqliteRow) -> sqlx::Result<SessionKey> {
    Ok(SessionKey { selector: row.try_get(0)?, id: row.try_get(1)?, expires_at: row.try_get(2)? })
}

pub(super) fn columns(row: &SqliteRow) -> sqlx::Result<Columns> {
    Ok(Columns {
        format: row.try_get(RECORD)?,
        version: row.try_get(RECORD + 1)?,
        nonce: row.try_get(RECORD + 2)?,
        writers: row.try_get(RECORD + 3)?,
        verifier: row.try_get(RECORD + 4)?,
        previous_verifier: row.try_get(RECORD + 5)?,
        previous_accepted_until: row.try_get(RECORD + 6)?,
        previous_replaced_at: row.try_get(RECORD + 7)?,
        summary: summary(row, RECORD + 8)?,
    })
}

/// The values of the session, encoded.
pub(super) fn document(row: &SqliteRow) -> sqlx::Result<Result<String, Malformed>> {
    let document = text(row, DOCUMENT, "document")?;
    Ok(document.and_then(|document| document.ok_or(Malformed::Column("document"))))
}

/// A text. Read as bytes, because a damaged row may have a text that is not UTF-8, which concerns
/// that row alone.
fn text(row: &SqliteRow, place: usize, column: &'static str) -> sqlx::Result<Result<Option<String>, Malformed>> {
    let bytes: Option<Vec<u8>> = row.try_get(place)?;
    Ok(bytes.map(String::from_utf8).transpose().map_err(|_| Malformed::Column(column)))
}

/// The columns of a summary, the first of which is at `place`.
pub(super) fn summary(row: &SqliteRow, place: usize) -> sqlx::Result<SummaryColumns> {
    Ok(SummaryColumns {
        created_at: row.try_get(place)?,
        last_seen: row.try_get(place + 1)?,
        idle_timeout: row.try_get(place + 2)?,
        absolute_deadline: row.try_get(place + 3)?,
        persistent: row.try_get::<i64, _>(place + 4)? != 0,
        principal: text(row, place + 5, "principal")?,
        logged_in_at: row.try_get(place + 6)?,
        label: text(row, place + 7, "label")?,
    })
}

/// Binds the columns of a record, in the order of the statements.
pub(super) fn bind_record(statement: Statement, record: &Record) -> Statement {
    let columns = Columns::from(record);
    let summary = columns.summary;
    statement
        .bind(columns.format)
        .bind(columns.version)
        .bind(columns.nonce)
        .bind(columns.writers)
        .bind(columns.verifier)
        .bind(columns.previous_verifier)
        .bind(columns.previous_accepted_until)
        .bind(columns.previous_replaced_at)
        .bind(summary.created_at)
        .bind(summary.last_seen)
        .bind(summary.idle_timeout)
        .bind(summary.absolute_deadline)
        .bind(i64::from(summary.persistent))
        .bind(summary.principal.unwrap_or_default())
        .bind(summary.logged_in_at)
        .bind(summary.label.unwrap_or_default())
        .bind(encode_values(&record.values))
}

pub(super) fn bind_selector(statement: Statement, selector: Selector) -> Statement {
    statement.bind(&selector.as_bytes()[..])
}

pub(super) fn bind_instant(statement: Statement, at: Timestamp) -> Statement {
    statement.bind(to_column(at.as_millis()))
}
