//! Rows of PostgreSQL as columns, and columns as parameters.

use cloakroom::Timestamp;
use cloakroom::store::{Lifetimes, Payload, Record, Selector, StoredValue};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{Postgres, Row};

use super::text::{escape, unescape};
use crate::record::{Columns, Malformed, SummaryColumns, instant, json, to_column, to_instant, undecodable};

pub(super) type PgQuery<'q> = Query<'q, Postgres, PgArguments>;

/// The limit of an idle timeout, so that the end of a session fits into a column.
const LONGEST: i64 = 1 << 62;

pub(super) fn columns(row: &PgRow) -> sqlx::Result<Columns> {
    Ok(Columns {
        format: row.try_get::<i16, _>("format")?.into(),
        version: row.try_get("version")?,
        nonce: row.try_get("nonce")?,
        writers: row.try_get("writers")?,
        verifier: row.try_get("verifier")?,
        previous_verifier: row.try_get("previous_verifier")?,
        previous_accepted_until: row.try_get("previous_accepted_until")?,
        previous_replaced_at: row.try_get("previous_replaced_at")?,
        summary: summary(row)?,
    })
}

pub(super) fn summary(row: &PgRow) -> sqlx::Result<SummaryColumns> {
    let text = |column: &'static str| -> sqlx::Result<_> {
        let text: Option<String> = row.try_get(column)?;
        Ok(text.map(|text| unescape(text, column)).transpose())
    };
    Ok(SummaryColumns {
        created_at: row.try_get("created_at")?,
        last_seen: row.try_get("last_seen")?,
        idle_timeout: row.try_get("idle_timeout")?,
        absolute_deadline: row.try_get("absolute_deadline")?,
        persistent: row.try_get("persistent")?,
        principal: text("principal")?,
        logged_in_at: row.try_get("logged_in_at")?,
        label: text("label")?,
    })
}

/// Decodes the values of a session.
pub(super) fn values(row: &PgRow) -> sqlx::Result<Result<Vec<StoredValue>, Malformed>> {
    let arrays = ValueArrays {
        keys: row.try_get::<Option<_>, _>("keys")?.unwrap_or_default(),
        versions: row.try_get::<Option<_>, _>("versions")?.unwrap_or_default(),
        states: row.try_get::<Option<_>, _>("states")?.unwrap_or_default(),
        jsons: row.try_get::<Option<_>, _>("jsons")?.unwrap_or_default(),
        bytes: row.try_get::<Option<_>, _>("bytes")?.unwrap_or_default(),
        fresh_untils: row.try_get::<Option<_>, _>("fresh_untils")?.unwrap_or_default(),
    };
    Ok(arrays.into_values().collect())
}

/// Binds the columns of a record, and the bounds of its end.
pub(super) fn bind_record<'q>(query: PgQuery<'q>, record: &Record) -> PgQuery<'q> {
    let columns = Columns::from(record);
    let summary = columns.summary;
    let text = |text: Result<Option<String>, Malformed>| {
        text.unwrap_or_default().map(|text: String| escape(&text).into_owned())
    };
    let query = query
        .bind(i16::try_from(columns.format).unwrap_or(i16::MAX))
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
        .bind(summary.persistent)
        .bind(text(summary.principal))
        .bind(summary.logged_in_at)
        .bind(text(summary.label));
    bind_end(query, &record.lifetimes)
}

/// Binds what the server needs to compute when the row ends: the time after now, and the latest
/// end.
pub(super) fn bind_end<'q>(query: PgQuery<'q>, lifetimes: &Lifetimes) -> PgQuery<'q> {
    let idle = lifetimes.store_idle_timeout();
    query
        .bind(i64::try_from(idle.as_millis()).unwrap_or(LONGEST).min(LONGEST))
        .bind(instant(lifetimes.absolute_deadline()))
}

/// Values as parallel arrays, so that one statement takes any number of them.
#[derive(Default)]
pub(super) struct ValueArrays {
    keys: Vec<String>,
    versions: Vec<i64>,
    states: Vec<String>,
    jsons: Vec<Option<String>>,
    bytes: Vec<Option<Vec<u8>>>,
    fresh_untils: Vec<Option<i64>>,
}

impl ValueArrays {
    pub(super) fn push(&mut self, key: &str, version: u64, payload: &Payload, fresh_until: Option<Timestamp>) {
        let (state, json, bytes) = match payload {
            Payload::Present(bytes) => match json(bytes) {
                Some(json) => ("present", Some(json.get().to_owned()), None),
                None => ("present", None, Some(bytes.to_vec())),
            },
            Payload::Sealed(bytes) => ("sealed", None, Some(bytes.to_vec())),
            Payload::Absent => ("absent", None, None),
            Payload::Removed => ("removed", None, None),
        };
        self.keys.push(escape(key).into_owned());
        self.versions.push(to_column(version));
        self.states.push(state.to_owned());
        self.jsons.push(json);
        self.bytes.push(bytes);
        self.fresh_untils.push(fresh_until.map(|at| to_column(at.as_millis())));
    }

    pub(super) fn of<'a>(values: impl IntoIterator<Item = &'a StoredValue>) -> Self {
        let mut arrays = Self::default();
        for value in values {
            arrays.push(&value.key, value.version, &value.payload, value.fresh_until);
        }
        arrays
    }

    pub(super) fn bind(self, query: PgQuery<'_>) -> PgQuery<'_> {
        query
            .bind(self.keys)
            .bind(self.versions)
            .bind(self.states)
            .bind(self.jsons)
            .bind(self.bytes)
            .bind(self.fresh_untils)
    }

    fn into_values(self) -> impl Iterator<Item = Result<StoredValue, Malformed>> {
        let Self { keys, versions, states, jsons, bytes, fresh_untils } = self;
        let contents = states.into_iter().zip(jsons).zip(bytes);
        let places = keys.into_iter().zip(versions).zip(fresh_untils);
        places.zip(contents).map(|(((key, version), fresh_until), ((state, json), bytes))| {
            let key = unescape(key, "key")?;
            let version = u64::try_from(version).map_err(|_| Malformed::Column("version"))?;
            let payload = payload(&state, json, bytes);
            Ok(StoredValue::new(key.into(), version, fresh_until.map(to_instant), payload))
        })
    }
}

fn payload(state: &str, json: Option<String>, bytes: Option<Vec<u8>>) -> Payload {
    match (state, json, bytes) {
        ("present", Some(json), None) => Payload::Present(json.into_bytes().into()),
        ("present", None, Some(bytes)) => Payload::Present(bytes.into()),
        ("sealed", None, Some(bytes)) => Payload::Sealed(bytes.into()),
        ("absent", None, None) => Payload::Absent,
        ("removed", None, None) => Payload::Removed,
        _ => undecodable(),
    }
}

/// The selectors in one order, so that statements which lock the rows of the same ones wait for each
/// other and do not block each other.
pub(super) fn selectors(selectors: &[Selector]) -> Vec<Vec<u8>> {
    let mut bytes: Vec<_> = selectors.iter().map(|selector| selector.as_bytes().to_vec()).collect();
    bytes.sort_unstable();
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_is_read_as_it_was_written() {
        let text = |text: &str| Payload::Present(text.as_bytes().into());
        let payloads = [
            text("null"),
            text(" {}"),
            text(r#""\u0000 '; DROP TABLE cloakroom_sessions; --""#),
            text("{\"a\":1,\"a\":2}"),
            text("1e400"),
            text(""),
            text("\0"),
            Payload::Present([0xFF, 0xFE].into()),
            Payload::Sealed([].into()),
            Payload::Absent,
            Payload::Removed,
        ];
        for (place, payload) in payloads.into_iter().enumerate() {
            for fresh_until in [None, Some(Timestamp::MAX)] {
                let value = StoredValue::new("\"'\0\\\u{1f98a}".into(), place as u64, fresh_until, payload.clone());
                let arrays = ValueArrays::of([&value]);
                assert!(arrays.jsons.iter().flatten().all(|json| !json.contains('\0')));
                assert_eq!(arrays.into_values().collect::<Result<Vec<_>, _>>(), Ok(vec![value]), "payload {place}");
            }
        }
    }

    #[test]
    fn a_value_that_cannot_be_decoded_is_no_value() {
        for (state, json, bytes) in [
            ("present", None, None),
            ("present", Some("1".to_owned()), Some(vec![1])),
            ("sealed", Some("1".to_owned()), None),
            ("sealed", None, None),
            ("removed", None, Some(vec![1])),
            ("compressed", None, Some(vec![1])),
        ] {
            assert_eq!(payload(state, json, bytes), Payload::Present([0].into()), "{state}");
        }
    }
}
