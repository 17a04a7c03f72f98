use cloakroom::Timestamp;
use cloakroom::store::Record;
use sqlx::sqlite::SqliteRow;

use super::rows;
use crate::record::{Malformed, decode_values, instant};

/// The row of a session.
#[derive(Debug)]
pub(super) struct SessionRow {
    pub(super) id: i64,
    pub(super) expires_at: i64,
    /// The record, without its values until [`record`](Self::record) decodes them.
    header: Result<Record, Malformed>,
    /// The values, until they are decoded.
    document: Option<String>,
}

impl SessionRow {
    pub(super) fn read(row: &SqliteRow) -> sqlx::Result<Self> {
        let key = rows::session(row)?;
        let (header, document) = match rows::document(row)? {
            Ok(document) => (rows::columns(row)?.decode(), Some(document)),
            Err(malformed) => (Err(malformed), None),
        };
        Ok(Self { id: key.id, expires_at: key.expires_at, header, document })
    }

    pub(super) const fn new(id: i64, expires_at: i64, record: Record) -> Self {
        Self { id, expires_at, header: Ok(record), document: None }
    }

    pub(super) fn is_live(&self, now: Timestamp) -> bool {
        instant(now) < self.expires_at
    }

    /// The record, whose values may be missing.
    pub(super) fn header(&mut self) -> Result<&mut Record, Malformed> {
        self.header.as_mut().map_err(|malformed| malformed.clone())
    }

    /// The whole record.
    pub(super) fn record(&mut self) -> Result<&mut Record, Malformed> {
        if let (Ok(record), Some(document)) = (&mut self.header, self.document.take()) {
            match decode_values(&document) {
                Ok(values) => record.values = values,
                Err(malformed) => self.header = Err(malformed),
            }
        }
        self.header()
    }

    pub(super) fn into_record(mut self) -> Result<Record, Malformed> {
        self.record()?;
        self.header
    }
}
