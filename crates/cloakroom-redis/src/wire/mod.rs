//! The encoding of a record in Redis: a hash that is readable in `redis-cli`.
//!
//! ```text
//! > HGETALL shop:session:{5f0c…}
//! format      2                     seen        1764000300000
//! head        7 9e2b… 1800000 1764086400000 0 1764000000000 0 8c1f…:7,03ab…:5,
//! previous    the verifier before   until       end of its grace; 0 if it was dead at once
//! replaced    1764000200000         (only then: the instant of the replacement)
//! principal   ada                   since       1764000200000                  label Firefox
//! value:cart         1 7 - json {"items":{"42":1}}
//! value:preferences  1 5 1764000600000 json {"theme":"dark"}
//! value:coupon       1 6 1764000600000 absent
//! value:draft        1 7 - removed
//! value:address      1 7 - sealed \x01\x02…
//! value:*            1 7 - sealed \x01\x02…
//! ```
//!
//! Instants and durations are milliseconds. A value begins with the number of its format and the
//! version of the record that wrote it, whatever the format is: a node that does not know the
//! format still knows the version, reports the value as unreadable and leaves it alone. Fields that
//! a node does not know are left alone as well.
//!
//! `head` holds everything that a commit compares, separated by spaces: the version, the verifier of
//! the secret in hexadecimal digits, the idle timeout, the absolute deadline, whether the cookie
//! outlives the browser, the creation time, the version up to which the rest may be incomplete, and
//! the last write of each process: its nonce, whose lower half identifies the process, and its
//! version. As no two writes have the same nonce, a record whose head is the one that a node knows
//! is the record that the node knows, but for `seen`.
//!
//! The fast path of the commit script looks at `head` and not at `format`, so a further format has to
//! rename it.
//!
//! Format 1 has a field for each of these: `version`, `secret`, `idle`, `absolute`, `persistent`,
//! `created`, `writers`, and `recent`, the nonces alone, each with a comma.
//!
//! A sealed value is an envelope of the library's own, as bytes: its format, the number of its key,
//! and the ciphertext. The field `*` holds the seal of the record as a whole.

mod arguments;
mod head;
mod record;
mod reply;
mod value;
mod writers;

use std::time::Duration;

pub(crate) use arguments::{GuardArguments, write_commit, write_record};
pub(crate) use record::{Malformed, decode, decode_summary, fields, read_summary, summary_fields};
pub(crate) use reply::{Fields, ScriptReply, UnexpectedReply, changed, is_done, run_id, scanned, scored, texts};
#[cfg(any(test, fuzzing))]
pub(crate) use writers::decode as decode_writers;

use crate::keyspace::{Hex, hex};
use record::{VALUE, identity, persistent, replaced, until};

/// A nonce as stored in `recent`: as text, because the scripts' numbers hold only 53 bits.
fn nonce(nonce: u64) -> String {
    format!("{},", digits(nonce))
}

fn digits(nonce: u64) -> Hex<8> {
    hex(&nonce.to_be_bytes())
}

/// Writes formatted text to memory, which never fails.
macro_rules! put {
    ($out:expr, $($text:tt)+) => {{
        let _infallible = write!($out, $($text)+);
    }};
}
use put;

/// The duration in milliseconds, saturating at `u64::MAX`.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
