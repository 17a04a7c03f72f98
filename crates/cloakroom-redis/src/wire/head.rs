//! The field `head` of a record: everything that a commit compares, in a fixed order.

use std::io::Write;
use std::time::Duration;

use cloakroom::Timestamp;
use cloakroom::store::{Head, Lifetimes, Verifier};

use super::value::number;
use super::{put, whole_millis, writers};
use crate::keyspace::{hex, unhex};

/// Ten years: the longest time to live that the scripts set.
const LONGEST: u64 = 315_360_000_000;
/// The first instant that the scripts do not count exactly.
const NEVER: u64 = 1 << 53;
/// The difference between two clocks that decides nothing, in milliseconds.
const MARGIN: u64 = 5 * 60 * 1000;

/// Writes a head. The scripts write the same text.
pub(super) fn write(head: &Head, out: &mut impl Write) {
    let Head { version, verifier, lifetimes, writers, .. } = head;
    let (idle, absolute) = (whole_millis(lifetimes.idle_timeout()), lifetimes.absolute_deadline().as_millis());
    let (persistent, created) = (u8::from(lifetimes.is_persistent()), lifetimes.created_at().as_millis());
    let secret = hex(verifier.as_bytes());
    put!(out, "{version} {secret} {idle} {absolute} {persistent} {created} ");
    writers::write(writers, out);
}

/// Decodes a head. `None` if no node of this format wrote it.
pub(super) fn decode(encoded: &[u8]) -> Option<Head> {
    let mut words = encoded.splitn(7, |byte| *byte == b' ');
    let version = words.next().and_then(number)?;
    let verifier = Verifier::from_bytes(unhex(words.next()?)?);
    let idle = Duration::from_millis(words.next().and_then(number)?);
    let absolute = Timestamp::from_millis(words.next().and_then(number)?);
    let persistent = match words.next()? {
        b"0" => false,
        b"1" => true,
        _ => return None,
    };
    let created = Timestamp::from_millis(words.next().and_then(number)?);
    let writers = writers::parse(words.next()?)?;
    let lifetimes = Lifetimes::new(created, idle, absolute).with_persistent(persistent);
    Some(Head::new(version, verifier, lifetimes, writers::up_to(writers, version)?))
}

/// Returns the command that keeps a record for as long as its lifetimes allow, and its argument.
/// `None` if it is uncertain which of them ends first: then the server must decide.
///
/// `written` is the instant of the change. It may be long ago, because a change by the application
/// is not activity. `server` is the server's time.
pub(super) fn keep(lifetimes: &Lifetimes, written: Timestamp, server: Timestamp) -> Option<(&'static str, u64)> {
    let idle = whole_millis(lifetimes.idle_timeout());
    // A tenth longer, because touches are reported with that much delay.
    let idle = idle.saturating_add(idle / 10).min(LONGEST);
    let absolute = lifetimes.absolute_deadline().as_millis();
    let (earlier, later) = (written.min(server).as_millis(), written.max(server).as_millis());
    if later.saturating_add(idle).saturating_add(MARGIN) <= absolute {
        Some(("PEXPIRE", idle))
    } else if absolute.saturating_add(MARGIN) <= earlier.saturating_add(idle) && absolute < NEVER {
        Some(("PEXPIREAT", absolute))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use cloakroom::store::{Record, Writers};

    use super::*;

    fn head() -> Head {
        let instant = Timestamp::from_millis;
        let lifetimes = Lifetimes::new(instant(1), Duration::from_secs(30), instant(u64::MAX)).with_persistent(true);
        let mut record = Record::new(Verifier::from_bytes([0xAB; 16]), lifetimes, 1 << 63);
        record.version = 7;
        record.writers = Writers::of_creation(3);
        record.writers.add(1 << 63, 7);
        record.head()
    }

    fn encoded() -> String {
        let mut text = Vec::new();
        write(&head(), &mut text);
        String::from_utf8(text).expect("a head is text")
    }

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let text = encoded();
        assert_eq!(
            text,
            "7 abababababababababababababababab 30000 18446744073709551615 1 1 0 8000000000000000:7,0000000000000003:1,"
        );
        assert_eq!(decode(text.as_bytes()), Some(head()));
    }

    #[test]
    fn a_damaged_head_is_none() {
        let text = encoded();
        for cut in 0..text.len() {
            assert_eq!(decode(&text.as_bytes()[..cut]).filter(|read| *read == head()), None, "cut to {cut}");
        }
        for damaged in [
            text.replacen("7 ", "seven ", 1),
            text.replacen(" 1 ", " 2 ", 1),
            text.replacen("abab", "ABAB", 1),
            text.replacen(' ', "  ", 1),
            text.replacen(",", "", 1),
            format!("{text} "),
            format!(" {text}"),
        ] {
            assert_eq!(decode(damaged.as_bytes()), None, "{damaged}");
        }
    }

    #[test]
    fn the_clock_of_a_node_never_decides_which_lifetime_ends_first() {
        let now = Timestamp::from_millis(1_800_000_000_000);
        let idle = Duration::from_secs(600);
        let absolute = |seconds| Lifetimes::new(now, idle, now.after(Duration::from_secs(seconds)));
        assert_eq!(keep(&absolute(86_400), now, now), Some(("PEXPIRE", 660_000)));
        assert_eq!(keep(&absolute(660 + 300), now, now), Some(("PEXPIRE", 660_000)));
        assert_eq!(keep(&absolute(660 + 299), now, now), None);
        assert_eq!(keep(&absolute(660 - 299), now, now), None);
        assert_eq!(keep(&absolute(660 - 300), now, now), Some(("PEXPIREAT", 1_800_000_360_000)));
        let endless = Lifetimes::new(now, Duration::MAX, Timestamp::MAX);
        assert_eq!(keep(&endless, now, now), Some(("PEXPIRE", LONGEST)));
        let endless = Lifetimes::new(now, Duration::MAX, Timestamp::from_millis(u64::MAX - 1));
        let late = Timestamp::from_millis(u64::MAX);
        assert_eq!(keep(&endless, late, late), None, "the server does not count that far");
    }

    #[test]
    fn a_change_that_is_no_activity_does_not_prolong_a_session_beyond_its_end() {
        let created = Timestamp::from_millis(1_800_000_000_000);
        let minutes = |minutes: u64| created.after(Duration::from_secs(60 * minutes));
        let lifetimes = Lifetimes::new(created, Duration::from_secs(1800), minutes(600));
        // Seen 29 minutes ago, with 31 minutes left: the idle timeout alone would be 33 minutes.
        assert_eq!(keep(&lifetimes, minutes(540), minutes(569)), None);
        assert_eq!(keep(&lifetimes, minutes(560), minutes(561)), Some(("PEXPIRE", 1_980_000)));
    }
}
