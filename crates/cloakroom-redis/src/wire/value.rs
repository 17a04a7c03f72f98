use std::io::Write;
use std::sync::Arc;

use cloakroom::Timestamp;
use cloakroom::store::{Payload, StoredValue};

use super::put;

/// Writes the beginning of a value: its format, and the version of the record that wrote it.
pub(super) fn write_prefix(version: u64, out: &mut impl Write) {
    put!(out, "1 {version} ");
}

/// Writes a value as stored in a record.
pub(super) fn write(version: u64, payload: &Payload, fresh_until: Option<Timestamp>, out: &mut impl Write) {
    write_prefix(version, out);
    match fresh_until {
        Some(at) => put!(out, "{}", at.as_millis()),
        None => put!(out, "-"),
    }
    let (kind, bytes): (&str, &[u8]) = match payload {
        Payload::Present(bytes) => (" json ", bytes),
        Payload::Sealed(bytes) => (" sealed ", bytes),
        Payload::Absent => (" absent", &[]),
        _ => (" removed", &[]),
    };
    put!(out, "{kind}");
    // To memory, which never fails.
    let _infallible = out.write_all(bytes);
}

/// Decodes a value. One that cannot be parsed is returned as its raw bytes, which decode to no
/// type: its reader gets an error, and nothing else in the session is affected.
pub(super) fn decode(key: Arc<str>, encoded: &[u8], record_version: u64) -> StoredValue {
    parse(&key, encoded).unwrap_or_else(|| {
        let version = version(encoded).unwrap_or(record_version);
        StoredValue::new(key, version, None, Payload::Present(unreadable(encoded)))
    })
}

/// Bytes that are never valid JSON, whatever was stored.
fn unreadable(encoded: &[u8]) -> Arc<[u8]> {
    [b"\0", encoded].concat().into()
}

fn parse(key: &Arc<str>, encoded: &[u8]) -> Option<StoredValue> {
    let rest = encoded.strip_prefix(b"1 ")?;
    let (version, rest) = word(rest)?;
    let (fresh_until, rest) = word(rest)?;
    let fresh_until = match fresh_until {
        b"-" => None,
        millis => Some(Timestamp::from_millis(number(millis)?)),
    };
    let payload = match rest {
        b"absent" => Payload::Absent,
        b"removed" => Payload::Removed,
        rest => match rest.strip_prefix(b"sealed ") {
            Some(sealed) => Payload::Sealed(sealed.into()),
            None => Payload::Present(rest.strip_prefix(b"json ")?.into()),
        },
    };
    Some(StoredValue::new(Arc::clone(key), number(version)?, fresh_until, payload))
}

/// The version of a value in any format.
fn version(encoded: &[u8]) -> Option<u64> {
    let (form, rest) = word(encoded)?;
    number(form)?;
    number(word(rest)?.0)
}

fn word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = text.iter().position(|byte| *byte == b' ')?;
    Some((&text[..space], &text[space + 1..]))
}

/// A number as the scripts write it, with at most 20 digits.
pub(super) fn number(digits: &[u8]) -> Option<u64> {
    let plausible = digits.len() <= 20 && digits.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(digits).ok().filter(|_| plausible)?.parse().ok()
}

/// A valid key of a value, or one of the library's own, which begin with `*`. A program that uses
/// other characters in a key does not compile.
pub(super) fn key(text: &[u8]) -> Option<&str> {
    let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(byte);
    let plausible = (1..=64).contains(&text.len()) && text.strip_prefix(b"*").unwrap_or(text).iter().all(allowed);
    std::str::from_utf8(text).ok().filter(|_| plausible)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(encoded: &[u8]) -> StoredValue {
        decode("cart".into(), encoded, 9)
    }

    #[test]
    fn a_value_is_read_as_it_was_written() {
        let payloads = [
            Payload::Present(Arc::from(&b"{\"a\": 1}"[..])),
            Payload::Present(Arc::from(&b""[..])),
            Payload::Sealed(Arc::from(&b"\x01\x02 \0\xff json removed"[..])),
            Payload::Sealed(Arc::from(&b""[..])),
            Payload::Absent,
            Payload::Removed,
        ];
        for payload in payloads {
            for fresh_until in [None, Some(Timestamp::from_millis(0)), Some(Timestamp::MAX)] {
                let value = StoredValue::new("cart".into(), 7, fresh_until, payload.clone());
                let mut encoded = Vec::new();
                write(value.version, &value.payload, value.fresh_until, &mut encoded);
                assert_eq!(read(&encoded), value);
            }
        }
    }

    #[test]
    fn what_does_not_read_is_no_json_and_keeps_the_version_that_it_says() {
        let unread: [&[u8]; 10] = [
            b"",
            b"1",
            b"1 ",
            b"2 5 whatever",
            b"1 5 - later",
            b"1 5 x json {}",
            b"1 -5 - json {}",
            b"1 5 - json",
            b"{\"a\":1}",
            b"\xff\xfe",
        ];
        for encoded in unread {
            let Payload::Present(bytes) = read(encoded).payload else { panic!("{encoded:?} was not read as a value") };
            assert_eq!(bytes[0], 0, "{encoded:?}");
        }
        assert_eq!(read(b"2 5 whatever").version, 5);
        assert_eq!(read(b"whatever").version, 9);
    }
}
