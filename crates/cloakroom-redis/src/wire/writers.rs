use std::io::Write;

use cloakroom::store::{LastWrite, REMEMBERED_WRITERS, Record, Writers};

use super::value::number;
use super::{digits, put};
use crate::keyspace::unhex;

/// Writes the last writes of a record, as in the field `writers` of format 1.
pub(super) fn write(writers: &Writers, out: &mut impl Write) {
    put!(out, "{} ", writers.known_since());
    for LastWrite { nonce, version, .. } in writers.writes() {
        put!(out, "{}:{version},", digits(*nonce));
    }
}

/// Decodes the field `writers` of a record. If it cannot be parsed, or a node of an earlier release
/// wrote last, which adds nothing to the field, any write up to the record's version may be
/// missing.
pub(crate) fn decode(encoded: Option<&[u8]>, record: &Record) -> Writers {
    let (since, writes) = encoded.and_then(parse).unwrap_or((record.version, Vec::new()));
    let is_complete = writes.first().is_some_and(|newest| *newest == LastWrite::new(record.nonce, record.version));
    Writers::new(writes, if is_complete { since } else { record.version })
}

/// Returns the writers of a record at `version`. `None` if the newest write did not make it.
pub(super) fn up_to((since, writes): (u64, Vec<LastWrite>), version: u64) -> Option<Writers> {
    (writes.first()?.version == version).then(|| Writers::new(writes, since))
}

/// Parses the version up to which writes may be missing, and the writes.
pub(super) fn parse(encoded: &[u8]) -> Option<(u64, Vec<LastWrite>)> {
    let space = encoded.iter().position(|byte| *byte == b' ')?;
    let (since, writes) = (number(&encoded[..space])?, encoded[space + 1..].strip_suffix(b",")?);
    let writes = writes.split(|byte| *byte == b',').take(REMEMBERED_WRITERS).map(last_write).collect::<Option<_>>()?;
    Some((since, writes))
}

fn last_write(encoded: &[u8]) -> Option<LastWrite> {
    let nonce = u64::from_be_bytes(unhex(encoded.get(..16)?)?);
    Some(LastWrite::new(nonce, number(encoded.get(16..)?.strip_prefix(b":")?)?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cloakroom::Timestamp;
    use cloakroom::store::{Lifetimes, Verifier};

    use super::*;

    fn record(nonce: u64, version: u64) -> Record {
        let lifetimes = Lifetimes::new(Timestamp::from_millis(1), Duration::from_secs(1), Timestamp::MAX);
        let mut record = Record::new(Verifier::from_bytes([0; 16]), lifetimes, nonce);
        record.version = version;
        record
    }

    fn encode(writers: &Writers) -> Vec<u8> {
        let mut text = Vec::new();
        write(writers, &mut text);
        text
    }

    #[test]
    fn writers_are_read_as_they_were_written() {
        let mut writers = Writers::of_creation(u64::MAX);
        for (nonce, version) in [(1, 9), (7 << 32 | 2, 1 << 40), (u64::MAX - 1, (1 << 40) + 1)] {
            writers.add(nonce, version);
            assert_eq!(decode(Some(&encode(&writers)), &record(nonce, version)), writers);
        }
    }

    #[test]
    fn what_a_node_of_an_earlier_release_wrote_since_is_missing() {
        let encoded = encode(&Writers::of_creation(5));
        let read = decode(Some(&encoded), &record(6, 2));
        assert_eq!((read.known_since(), read.writes()), (2, &[LastWrite::new(5, 1)][..]));
    }

    #[test]
    fn what_does_not_read_says_nothing() {
        let complete = encode(&Writers::of_creation(5));
        let cut = &complete[..complete.len() - 1];
        let garbled: [Option<&[u8]>; 7] =
            [None, Some(b""), Some(b"0"), Some(b"0 "), Some(b"x 0:1,"), Some(b"0 5:1,"), Some(cut)];
        for encoded in garbled {
            let read = decode(encoded, &record(5, 1));
            assert_eq!((read.known_since(), read.writes().len()), (1, 0), "{encoded:?}");
        }
    }
}
