use cloakroom::store::Selector;
use redis::Value;

use crate::keyspace::hex;

/// Number of slots into which a cluster divides its keys.
pub(crate) const SLOTS: u16 = 16384;

const CRC: crc::Crc<u16> = crc::Crc::<u16>::new(&crc::CRC_16_XMODEM);

/// The slot of a key: the hash of the part in its first braces, if there is one (Redis Cluster
/// specification).
pub(crate) fn slot_of(key: &[u8]) -> u16 {
    CRC.checksum(hashed_part(key)) % SLOTS
}

/// The slot of a session's record.
pub(crate) fn slot_of_selector(selector: Selector) -> u16 {
    // The part of the record's key that is in braces.
    slot_of(hex(selector.as_bytes()).as_bytes())
}

fn hashed_part(key: &[u8]) -> &[u8] {
    let Some(open) = key.iter().position(|byte| *byte == b'{') else { return key };
    match key[open + 1..].iter().position(|byte| *byte == b'}') {
        None | Some(0) => key,
        Some(length) => &key[open + 1..open + 1 + length],
    }
}

/// A range of slots that one master owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SlotRange {
    pub(crate) first: u16,
    pub(crate) last: u16,
    /// Empty if the server does not know its own address; then it is the server that was queried.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// Parses the reply to `CLUSTER SLOTS`. Entries that cannot be parsed are skipped: their slots
/// count as unknown.
pub(crate) fn ranges(reply: &Value) -> Vec<SlotRange> {
    let Value::Array(lines) = reply else { return Vec::new() };
    lines.iter().filter_map(range).collect()
}

fn range(pair: &Value) -> Option<SlotRange> {
    let Value::Array(parts) = pair else { return None };
    let [first, last, Value::Array(master), ..] = parts.as_slice() else { return None };
    let [host, port, ..] = master.as_slice() else { return None };
    let host = match host {
        Value::BulkString(host) => String::from_utf8(host.clone()).ok().filter(|host| host != "?")?,
        _ => String::new(),
    };
    let (first, last, port) = (number(first)?, number(last)?, number(port)?);
    (first <= last && last < SLOTS).then_some(SlotRange { first, last, host, port })
}

fn number(value: &Value) -> Option<u16> {
    match value {
        Value::Int(number) => u16::try_from(*number).ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keyspace::Keyspace;

    #[test]
    fn slots_are_those_of_the_specification() {
        assert_eq!(CRC.checksum(b"123456789"), 0x31C3);
        for (key, same) in [
            ("{user1000}.following", "user1000"),
            ("foo{}{bar}", "foo{}{bar}"),
            ("foo{{bar}}zap", "{bar"),
            ("foo{bar}{zap}", "bar"),
            ("foo{bar", "foo{bar"),
        ] {
            assert_eq!(hashed_part(key.as_bytes()), same.as_bytes());
        }
        assert_eq!(slot_of(b"foo"), 12182);
    }

    #[test]
    fn a_session_is_in_the_slot_of_its_key() {
        let keyspace = Keyspace::new("shop".parse().expect("a namespace"));
        for byte in 0..=255 {
            let selector = Selector::from_bytes([byte; 16]);
            assert_eq!(slot_of_selector(selector), slot_of(keyspace.record(selector).as_bytes()));
        }
    }

    fn pair(first: i64, last: i64, host: Value, port: i64) -> Value {
        Value::Array(vec![Value::Int(first), Value::Int(last), Value::Array(vec![host, Value::Int(port)])])
    }

    #[test]
    fn what_a_server_says_of_slots_is_not_believed_beyond_reason() {
        let host = || Value::BulkString(b"10.0.0.1".to_vec());
        let reply = Value::Array(vec![
            pair(0, 5460, host(), 6379),
            pair(5461, 16384, host(), 6379),
            pair(9, 3, host(), 6379),
            pair(9, 10, host(), 70000),
            pair(-1, 10, host(), 6379),
            pair(11, 12, Value::Nil, 7000),
            Value::Int(3),
        ]);
        let expected = [
            SlotRange { first: 0, last: 5460, host: "10.0.0.1".into(), port: 6379 },
            SlotRange { first: 11, last: 12, host: String::new(), port: 7000 },
        ];
        assert_eq!(ranges(&reply), expected);
        assert_eq!(ranges(&Value::Nil), []);
    }
}
