use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{Authentication, Head, Lifetimes, PreviousSecret, Principal, Record, Summary, Verifier};
use redis::{Cmd, Value, cmd};

use super::reply::{Fields, UnexpectedReply};
use super::{head, nonce, value, whole_millis, writers};
use crate::keyspace::{hex, unhex};
use crate::record_format::RecordFormat;

pub(super) const VALUE: &[u8] = b"value:";
/// The content of `until` for a secret that was dead at once.
const DEAD: Timestamp = Timestamp::from_millis(0);
/// Far more fields than any application has; a record with more was not written by this library.
const MOST_FIELDS: usize = 4096;
/// The scripts compute with floating-point numbers, which cannot represent every version beyond
/// this one.
const LAST_VERSION: u64 = 1 << 53;

/// The field of a new record that tells its creation from others, and its content.
pub(super) fn identity(record: &Record, format: RecordFormat) -> (&'static str, Vec<u8>) {
    match format {
        RecordFormat::V1 => ("recent", nonce(record.nonce).into_bytes()),
        RecordFormat::V2 => ("head", encoded(|out| head::write(&record.head(), out))),
    }
}

fn encoded(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    write(&mut bytes);
    bytes
}

/// The fields of a new record, each followed by its content.
pub(crate) fn fields(record: &Record, format: RecordFormat) -> Vec<Vec<u8>> {
    let mut fields = Vec::new();
    let mut put = |name: &str, content: &[u8]| {
        fields.push(name.as_bytes().to_vec());
        fields.push(content.to_vec());
    };
    let millis = |at: Timestamp| at.as_millis().to_string();
    put("format", format.name().as_bytes());
    match format {
        RecordFormat::V1 => {
            put("version", record.version.to_string().as_bytes());
            put("recent", nonce(record.nonce).as_bytes());
            put("writers", &encoded(|out| writers::write(&record.writers, out)));
            put("secret", hex(record.verifier.as_bytes()).as_bytes());
            put("created", millis(record.lifetimes.created_at()).as_bytes());
            put("idle", whole_millis(record.lifetimes.idle_timeout()).to_string().as_bytes());
            put("absolute", millis(record.lifetimes.absolute_deadline()).as_bytes());
            put("persistent", persistent(&record.lifetimes).as_bytes());
        }
        RecordFormat::V2 => put("head", &encoded(|out| head::write(&record.head(), out))),
    }
    if let Some(previous) = &record.previous {
        put("previous", hex(previous.verifier.as_bytes()).as_bytes());
        put("until", millis(until(previous)).as_bytes());
        if let Some(at) = replaced(previous) {
            put("replaced", millis(at).as_bytes());
        }
    }
    put("seen", millis(record.last_seen).as_bytes());
    if let Some(authentication) = &record.authentication {
        put("principal", authentication.principal.as_str().as_bytes());
        put("since", millis(authentication.at).as_bytes());
        if let Some(label) = &authentication.label {
            put("label", label.as_bytes());
        }
    }
    for stored in &record.values {
        fields.push([VALUE, stored.key.as_bytes()].concat());
        fields.push(encoded(|out| value::write(stored.version, &stored.payload, stored.fresh_until, out)));
    }
    fields
}

/// The instant from which the previous secret is no longer accepted. For a secret that a login
/// replaced, an instant that has passed on every clock, so that nodes that do not know the field
/// `replaced` refuse it as well.
pub(super) fn until(previous: &PreviousSecret) -> Timestamp {
    previous.accepted_until().unwrap_or(DEAD)
}

/// When the previous secret was replaced by a login or a rotation, if it was.
pub(super) fn replaced(previous: &PreviousSecret) -> Option<Timestamp> {
    previous.accepted_until().is_none().then(|| previous.dead_since())
}

pub(super) const fn persistent(lifetimes: &Lifetimes) -> &'static str {
    if lifetimes.is_persistent() { "1" } else { "0" }
}

/// Why a record cannot be decoded.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error("the record has the format `{0}`, which this version does not know; a newer version wrote it")]
    Format(String),
    #[error("the record's field `{0}` is missing or invalid")]
    Field(&'static str),
    #[error("the record has a duplicate field")]
    Twice,
    #[error("the record has more than {MOST_FIELDS} fields")]
    Crowded,
}

/// Decodes the record in these fields.
pub(crate) fn decode(fields: &Fields) -> Result<Record, Malformed> {
    if fields.len() > MOST_FIELDS {
        return Err(Malformed::Crowded);
    }
    // No Redis server returns a hash with a duplicate field. If one does, neither copy can be
    // trusted.
    if fields.has_one_twice() {
        return Err(Malformed::Twice);
    }
    let mut record = match format(fields)? {
        RecordFormat::V1 => separate(fields)?,
        RecordFormat::V2 => with_head(fields)?,
    };
    let version = record.version;
    record.last_seen = instant(fields, "seen")?;
    record.previous = previous(fields)?;
    record.authentication = authentication(fields)?;
    for (name, content) in fields.iter() {
        let Some(key) = name.strip_prefix(VALUE) else { continue };
        let key = value::key(key).ok_or(Malformed::Field("value"))?;
        record.values.push(value::decode(key.into(), content, version));
    }
    Ok(record)
}

/// Decodes the fields that format 1 keeps one by one.
fn separate(fields: &Fields) -> Result<Record, Malformed> {
    let version = Some(number(fields, "version")?).filter(|version| *version < LAST_VERSION);
    let version = version.ok_or(Malformed::Field("version"))?;
    let verifier = verifier(fields, "secret")?.ok_or(Malformed::Field("secret"))?;
    let lifetimes = lifetimes(fields)?;
    let nonce = fields.get("recent").and_then(newest).ok_or(Malformed::Field("recent"))?;
    let mut record = Record::new(verifier, lifetimes, nonce);
    record.version = version;
    record.writers = writers::decode(fields.get("writers"), &record);
    Ok(record)
}

/// Decodes the field that format 2 keeps in place of them.
fn with_head(fields: &Fields) -> Result<Record, Malformed> {
    let Head { version, verifier, lifetimes, writers, .. } = read_head(fields)?;
    let nonce = writers.writes().first().map(|write| write.nonce).ok_or(Malformed::Field("head"))?;
    let mut record = Record::new(verifier, lifetimes, nonce);
    (record.version, record.writers) = (version, writers);
    Ok(record)
}

fn read_head(fields: &Fields) -> Result<Head, Malformed> {
    let head = fields.get("head").and_then(head::decode).filter(|head| head.version < LAST_VERSION);
    head.ok_or(Malformed::Field("head"))
}

/// The fields that a session list shows, in either format, and the one that identifies the format.
const SUMMARY: [&str; 10] =
    ["format", "head", "created", "idle", "absolute", "persistent", "seen", "principal", "since", "label"];

/// A command that reads what a session list shows of a record, without its values.
pub(crate) fn read_summary(key: &str) -> Cmd {
    let mut read = cmd("HMGET");
    read.arg(key).arg(&SUMMARY);
    read
}

/// The `SUMMARY` fields that the record has.
pub(crate) fn summary_fields(answer: Value) -> Result<Fields, UnexpectedReply> {
    let Value::Array(contents) = answer else { return Err(UnexpectedReply) };
    if contents.len() != SUMMARY.len() {
        return Err(UnexpectedReply);
    }
    let pairs = SUMMARY.into_iter().zip(contents).filter(|(_, content)| *content != Value::Nil);
    Fields::from_value(Value::Map(pairs.map(|(name, content)| (Value::BulkString(name.into()), content)).collect()))
}

/// Decodes what a session list shows of a record.
pub(crate) fn decode_summary(fields: &Fields) -> Result<Summary, Malformed> {
    let lifetimes = match format(fields)? {
        RecordFormat::V1 => lifetimes(fields)?,
        RecordFormat::V2 => read_head(fields)?.lifetimes,
    };
    let mut summary = Summary::new(lifetimes, instant(fields, "seen")?);
    summary.authentication = authentication(fields)?;
    Ok(summary)
}

fn format(fields: &Fields) -> Result<RecordFormat, Malformed> {
    let format = fields.text("format").ok_or(Malformed::Field("format"))?;
    RecordFormat::from_name(format).ok_or_else(|| Malformed::Format(format.chars().take(20).collect()))
}

fn lifetimes(fields: &Fields) -> Result<Lifetimes, Malformed> {
    let lifetimes = Lifetimes::new(
        instant(fields, "created")?,
        Duration::from_millis(number(fields, "idle")?),
        instant(fields, "absolute")?,
    );
    Ok(lifetimes.with_persistent(fields.text("persistent") == Some("1")))
}

/// The nonce of the last write.
fn newest(recent: &[u8]) -> Option<u64> {
    unhex(recent.get(..16)?).map(u64::from_be_bytes)
}

fn previous(fields: &Fields) -> Result<Option<PreviousSecret>, Malformed> {
    let Some(verifier) = verifier(fields, "previous")? else { return Ok(None) };
    Ok(Some(match instant(fields, "until")? {
        DEAD if fields.get("replaced").is_none() => PreviousSecret::replaced(verifier, DEAD),
        DEAD => PreviousSecret::replaced(verifier, instant(fields, "replaced")?),
        // Nodes of earlier releases leave a stale `replaced` behind, so ignore it here.
        until => PreviousSecret::renewed(verifier, until),
    }))
}

fn authentication(fields: &Fields) -> Result<Option<Authentication>, Malformed> {
    if fields.get("principal").is_none() {
        return Ok(None);
    }
    let principal = fields.text("principal").ok_or(Malformed::Field("principal"))?;
    let label = fields.text("label").map(Into::into);
    Ok(Some(Authentication::new(Principal::new(principal), instant(fields, "since")?, label)))
}

fn verifier(fields: &Fields, name: &'static str) -> Result<Option<Verifier>, Malformed> {
    let Some(digits) = fields.get(name) else { return Ok(None) };
    unhex(digits).map(|bytes| Some(Verifier::from_bytes(bytes))).ok_or(Malformed::Field(name))
}

fn instant(fields: &Fields, name: &'static str) -> Result<Timestamp, Malformed> {
    number(fields, name).map(Timestamp::from_millis)
}

fn number(fields: &Fields, name: &'static str) -> Result<u64, Malformed> {
    fields.get(name).and_then(value::number).ok_or(Malformed::Field(name))
}

#[cfg(test)]
mod corpus;
#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use cloakroom::store::{Payload, StoredValue};

    use super::*;

    fn full() -> Record {
        let instant = Timestamp::from_millis;
        let lifetimes = Lifetimes::new(instant(1), Duration::from_secs(30), instant(u64::MAX));
        let mut record = Record::new(Verifier::from_bytes([0xAB; 16]), lifetimes, 1 << 63);
        record.lifetimes = record.lifetimes.with_persistent(true);
        record.version = 7;
        record.writers = cloakroom::store::Writers::of_creation(3);
        record.writers.add(1 << 63, 7);
        record.last_seen = instant(5);
        record.previous = Some(PreviousSecret::renewed(Verifier::from_bytes([1; 16]), instant(9)));
        record.authentication = Some(Authentication::new("ada".into(), instant(4), Some("Firefox \u{1f98a}".into())));
        record.values = vec![
            StoredValue::new("cart".into(), 7, None, Payload::Present(Arc::from(&b"{}"[..]))),
            StoredValue::new("hints".into(), 3, Some(instant(99)), Payload::Absent),
        ];
        record
    }

    fn read(written: &[Vec<u8>]) -> Result<Record, Malformed> {
        let pairs: Vec<_> = written.chunks(2).map(|pair| (pair[0].as_slice(), pair[1].as_slice())).collect();
        decode(&Fields::of(&pairs))
    }

    #[test]
    fn a_record_is_read_as_it_was_written() {
        let bare = Record::new(Verifier::from_bytes([0; 16]), full().lifetimes, 0);
        let mut replaced = full();
        replaced.previous = Some(PreviousSecret::replaced(Verifier::from_bytes([1; 16]), Timestamp::from_millis(9)));
        for record in [full(), bare, replaced] {
            for format in [RecordFormat::V1, RecordFormat::V2] {
                assert_eq!(read(&fields(&record, format)), Ok(record.clone()));
            }
        }
    }

    #[test]
    fn a_field_that_is_missing_or_does_not_read_makes_the_record_corrupt() {
        let written = fields(&full(), RecordFormat::V1);
        // A missing `persistent` or `label` has a safe default.
        let optional = ["writers", "previous", "persistent", "principal", "label", "value:cart", "value:hints"];
        for at in (0..written.len()).step_by(2) {
            let name = String::from_utf8_lossy(&written[at]).into_owned();
            let without = [&written[..at], &written[at + 2..]].concat();
            assert_eq!(read(&without).is_ok(), optional.contains(&&*name), "without {name}");
            let mut garbled = written.clone();
            garbled[at + 1] = b"\xff garbled".to_vec();
            let harmless = ["writers", "persistent", "label", "value:cart", "value:hints"];
            assert_eq!(read(&garbled).is_ok(), harmless.contains(&&*name), "with {name} garbled");
        }
    }

    #[test]
    fn a_record_of_a_newer_version_is_named_as_such() {
        let mut written = fields(&full(), RecordFormat::V2);
        written[1] = b"3".to_vec();
        assert_eq!(read(&written), Err(Malformed::Format("3".into())));
    }

    #[test]
    fn fields_that_are_unknown_are_passed_over() {
        let mut written = fields(&full(), RecordFormat::V2);
        written.extend([b"shoe size".to_vec(), b"44".to_vec()]);
        assert_eq!(read(&written), Ok(full()));
    }
}
