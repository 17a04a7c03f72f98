use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{
    Authentication, LastWrite, Lifetimes, Payload, PreviousSecret, Principal, REMEMBERED_WRITERS, Record, StoredValue,
    Verifier, Writers,
};

use crate::record_format::RecordFormat;
use crate::wire::{Fields, Malformed, decode, decode_writers, fields};

/// Compares the decoder with a slow reference decoder, and checks that a decoded record survives
/// encoding.
///
/// The input is a record: one field per line, as name, `=` and content.
///
/// # Panics
/// If the two decoders differ, or if a record does not survive encoding.
pub fn record(input: &[u8]) {
    let lines: Vec<_> = input.split(|byte| *byte == b'\n').map(line).collect();
    let read = decode(&Fields::of(&lines));
    assert_eq!(read.as_ref().ok(), slowly(&lines).as_ref());
    match read {
        Ok(record) => survives(&record, input.len()),
        Err(Malformed::Format(format)) => assert!(format.chars().count() <= 20, "at most 20 characters"),
        Err(_) => {}
    }
}

fn line(line: &[u8]) -> (&[u8], &[u8]) {
    let name = line.iter().position(|byte| *byte == b'=').unwrap_or(line.len());
    (&line[..name], line.get(name + 1..).unwrap_or_default())
}

fn survives(record: &Record, length: usize) {
    for format in [RecordFormat::V1, RecordFormat::V2] {
        let written = fields(record, format);
        let pairs: Vec<_> = written.chunks(2).map(|pair| (pair[0].as_slice(), pair[1].as_slice())).collect();
        let read = decode(&Fields::of(&pairs));
        // Format 2 does not keep a nonce apart from the last write.
        let keeps = format == RecordFormat::V1
            || record.writers.writes().first() == Some(&LastWrite::new(record.nonce, record.version));
        assert!(!keeps || read.as_ref() == Ok(record), "a record survives being written in format {}", format.name());
    }
    let kept: usize = record.values.iter().map(|value| value.key.len() + value.payload.len()).sum();
    assert!(kept <= length + record.values.len(), "the record is not larger than the input");
}

/// Applies the documented rules one after the other.
fn slowly(lines: &[(&[u8], &[u8])]) -> Option<Record> {
    let all: BTreeMap<&[u8], &[u8]> = lines.iter().copied().collect();
    if all.len() != lines.len() || lines.len() > 4096 {
        return None;
    }
    let get = |name: &str| all.get(name.as_bytes()).copied();
    let number = |name: &str| get(name).and_then(number);
    let instant = |name: &str| number(name).map(Timestamp::from_millis);
    let mut record = match get("format")? {
        b"1" => {
            let lifetimes =
                Lifetimes::new(instant("created")?, Duration::from_millis(number("idle")?), instant("absolute")?);
            let nonce: [u8; 8] = hex(get("recent")?.get(..16)?)?.try_into().ok()?;
            let mut record = Record::new(verifier(get("secret")?)?, lifetimes, u64::from_be_bytes(nonce));
            record.lifetimes = record.lifetimes.with_persistent(get("persistent") == Some(b"1"));
            record.version = number("version").filter(|version| *version < 1 << 53)?;
            record.writers = decode_writers(get("writers"), &record);
            record
        }
        b"2" => head(get("head")?)?,
        _ => return None,
    };
    record.last_seen = instant("seen")?;
    if let Some(previous) = get("previous") {
        let (verifier, until) = (verifier(previous)?, instant("until")?);
        record.previous = Some(match until.as_millis() {
            0 if get("replaced").is_none() => PreviousSecret::replaced(verifier, until),
            0 => PreviousSecret::replaced(verifier, instant("replaced")?),
            _ => PreviousSecret::renewed(verifier, until),
        });
    }
    if let Some(principal) = get("principal") {
        let principal = Principal::new(String::from_utf8(principal.to_vec()).ok()?);
        let label = get("label").and_then(|label| String::from_utf8(label.to_vec()).ok());
        record.authentication = Some(Authentication::new(principal, instant("since")?, label.map(Into::into)));
    }
    for (name, content) in lines {
        let Some(key) = name.strip_prefix(b"value:") else { continue };
        let letters: BTreeSet<u8> = (b'a'..=b'z').chain(b'0'..=b'9').chain(*b"_-.").collect();
        let is_named = key.strip_prefix(b"*").unwrap_or(key).iter().all(|letter| letters.contains(letter));
        if key.is_empty() || key.len() > 64 || !is_named {
            return None;
        }
        record.values.push(value(String::from_utf8_lossy(key).as_ref(), content, record.version));
    }
    Some(record)
}

/// A record with the fields of format 2 that are in its head.
fn head(head: &[u8]) -> Option<Record> {
    let words: Vec<_> = head.split(|byte| *byte == b' ').collect();
    let [version, secret, idle, absolute, persistent, created, since, writes] = words[..] else { return None };
    let version = number(version).filter(|version| *version < 1 << 53)?;
    let (created, absolute) = (Timestamp::from_millis(number(created)?), Timestamp::from_millis(number(absolute)?));
    let lifetimes = Lifetimes::new(created, Duration::from_millis(number(idle)?), absolute);
    let mut last_writes = Vec::new();
    let mut rest: Vec<_> = writes.split(|byte| *byte == b',').collect();
    if rest.pop() != Some(b"") {
        return None;
    }
    for write in rest.into_iter().take(REMEMBERED_WRITERS) {
        let (nonce, version) = write.split_at_checked(16)?;
        let nonce = u64::from_be_bytes(hex(nonce)?.try_into().ok()?);
        last_writes.push(LastWrite::new(nonce, number(version.strip_prefix(b":")?)?));
    }
    let newest = *last_writes.first().filter(|newest| newest.version == version)?;
    let persistent = [&b"0"[..], b"1"].iter().position(|known| *known == persistent)? == 1;
    let mut record = Record::new(verifier(secret)?, lifetimes.with_persistent(persistent), newest.nonce);
    (record.version, record.writers) = (version, Writers::new(last_writes, number(since)?));
    Some(record)
}

fn value(key: &str, content: &[u8], record_version: u64) -> StoredValue {
    let words: Vec<_> = content.splitn(4, |byte| *byte == b' ').collect();
    if let [b"1", version, fresh_until, rest] = words[..]
        && let Some(version) = number(version)
        && let Some(fresh_until) = (if fresh_until == b"-" { Some(None) } else { number(fresh_until).map(Some) })
        && let Some(payload) = payload(rest)
    {
        return StoredValue::new(key.into(), version, fresh_until.map(Timestamp::from_millis), payload);
    }
    let version = match words[..] {
        [form, version, _, ..] if number(form).is_some() => number(version),
        _ => None,
    };
    let unreadable = Payload::Present([b"\0", content].concat().into());
    StoredValue::new(key.into(), version.unwrap_or(record_version), None, unreadable)
}

fn payload(rest: &[u8]) -> Option<Payload> {
    match rest {
        b"absent" => Some(Payload::Absent),
        b"removed" => Some(Payload::Removed),
        [b'j', b's', b'o', b'n', b' ', json @ ..] => Some(Payload::Present(json.into())),
        [b's', b'e', b'a', b'l', b'e', b'd', b' ', sealed @ ..] => Some(Payload::Sealed(sealed.into())),
        _ => None,
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    let mut number = 0_u128;
    for digit in digits {
        number = number * 10 + u128::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        if number > u128::from(u64::MAX) {
            return None;
        }
    }
    u64::try_from(number).ok().filter(|_| (1..=20).contains(&digits.len()))
}

fn verifier(digits: &[u8]) -> Option<Verifier> {
    Some(Verifier::from_bytes(hex(digits)?.try_into().ok()?))
}

fn hex(digits: &[u8]) -> Option<Vec<u8>> {
    let digit = |digit: &u8| b"0123456789abcdef".iter().position(|known| known == digit);
    let digits: Vec<usize> = digits.iter().map(digit).collect::<Option<_>>()?;
    let whole = digits.len().is_multiple_of(2);
    whole.then(|| digits.chunks(2).map(|pair| (pair[0] * 16 + pair[1]) as u8).collect())
}
