use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{Authentication, Lifetimes, PreviousSecret, Record, Selector, Summary, Verifier};

use super::malformed::Malformed;
use super::number::{duration, from_column, to_column, to_instant};
use super::writers;

/// The format of the rows that this version writes, and the only one that it reads.
const FORMAT: i64 = 1;

/// The columns of a session that hold its record, without the values.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) format: i64,
    pub(crate) version: i64,
    pub(crate) nonce: i64,
    pub(crate) writers: Vec<u8>,
    pub(crate) verifier: Vec<u8>,
    pub(crate) previous_verifier: Option<Vec<u8>>,
    pub(crate) previous_accepted_until: Option<i64>,
    pub(crate) previous_replaced_at: Option<i64>,
    pub(crate) summary: SummaryColumns,
}

/// The columns of a session that a list of sessions shows.
#[derive(Clone, Debug)]
pub(crate) struct SummaryColumns {
    pub(crate) created_at: i64,
    pub(crate) last_seen: i64,
    pub(crate) idle_timeout: i64,
    pub(crate) absolute_deadline: i64,
    pub(crate) persistent: bool,
    /// As `label`, an error if it is not UTF-8.
    pub(crate) principal: Result<Option<String>, Malformed>,
    pub(crate) logged_in_at: Option<i64>,
    pub(crate) label: Result<Option<String>, Malformed>,
}

impl From<&Record> for Columns {
    fn from(record: &Record) -> Self {
        let millis = |at: Timestamp| to_column(at.as_millis());
        let accepted_until = record.previous.and_then(|previous| previous.accepted_until());
        let replaced = record.previous.filter(|previous| previous.accepted_until().is_none());
        let authentication = record.authentication.as_ref();
        Self {
            format: FORMAT,
            version: to_column(record.version),
            nonce: to_column(record.nonce),
            writers: writers::encode(&record.writers),
            verifier: record.verifier.as_bytes().to_vec(),
            previous_verifier: record.previous.map(|previous| previous.verifier.as_bytes().to_vec()),
            previous_accepted_until: accepted_until.map(millis),
            previous_replaced_at: replaced.map(|previous| millis(previous.dead_since())),
            summary: SummaryColumns {
                created_at: millis(record.lifetimes.created_at()),
                last_seen: millis(record.last_seen),
                idle_timeout: duration(record.lifetimes.idle_timeout()),
                absolute_deadline: millis(record.lifetimes.absolute_deadline()),
                persistent: record.lifetimes.is_persistent(),
                principal: Ok(authentication.map(|login| login.principal.as_str().to_owned())),
                logged_in_at: authentication.map(|login| millis(login.at)),
                label: Ok(authentication.and_then(|login| login.label.as_deref()).map(str::to_owned)),
            },
        }
    }
}

impl Columns {
    /// Decodes a record without its values.
    pub(crate) fn decode(self) -> Result<Record, Malformed> {
        check_format(self.format)?;
        let previous = self.previous()?;
        let summary = self.summary.decode()?;
        let verifier = verifier(&self.verifier).ok_or(Malformed::Column("verifier"))?;
        let mut record = Record::new(verifier, summary.lifetimes, from_column(self.nonce));
        record.version = u64::try_from(self.version).map_err(|_| Malformed::Column("version"))?;
        record.writers = writers::decode(&self.writers).ok_or(Malformed::Column("writers"))?;
        record.previous = previous;
        record.last_seen = summary.last_seen;
        record.authentication = summary.authentication;
        Ok(record)
    }

    fn previous(&self) -> Result<Option<PreviousSecret>, Malformed> {
        let Some(previous) = &self.previous_verifier else { return Ok(None) };
        let previous = verifier(previous).ok_or(Malformed::Column("previous_verifier"))?;
        match (self.previous_accepted_until, self.previous_replaced_at) {
            (Some(until), None) => Ok(Some(PreviousSecret::renewed(previous, to_instant(until)))),
            (None, Some(at)) => Ok(Some(PreviousSecret::replaced(previous, to_instant(at)))),
            _ => Err(Malformed::Column("previous_replaced_at")),
        }
    }
}

impl SummaryColumns {
    /// Decodes the summary of a session whose row has the format `format`.
    pub(crate) fn decode_as(self, format: i64) -> Result<Summary, Malformed> {
        check_format(format)?;
        self.decode()
    }

    fn decode(self) -> Result<Summary, Malformed> {
        let lifetimes = Lifetimes::new(
            to_instant(self.created_at),
            Duration::from_millis(from_column(self.idle_timeout)),
            to_instant(self.absolute_deadline),
        );
        let lifetimes = lifetimes.with_persistent(self.persistent);
        let mut summary = Summary::new(lifetimes, to_instant(self.last_seen));
        summary.authentication = match (self.principal?, self.logged_in_at) {
            (None, None) => None,
            (Some(principal), Some(at)) => {
                let label = self.label?.map(Into::into);
                Some(Authentication::new(principal.into(), to_instant(at), label))
            }
            _ => return Err(Malformed::Column("logged_in_at")),
        };
        Ok(summary)
    }
}

/// Refuses a version that a column does not hold: the row could not be read again.
pub(crate) fn check_version(version: u64) -> Result<(), Malformed> {
    i64::try_from(version).map(drop).map_err(|_| Malformed::Version)
}

/// Decodes a selector.
pub(crate) fn selector(column: &[u8]) -> Result<Selector, Malformed> {
    column.try_into().map(Selector::from_bytes).map_err(|_| Malformed::Column("selector"))
}

fn verifier(column: &[u8]) -> Option<Verifier> {
    column.try_into().ok().map(Verifier::from_bytes)
}

fn check_format(format: i64) -> Result<(), Malformed> {
    if format == FORMAT { Ok(()) } else { Err(Malformed::Format(format)) }
}
