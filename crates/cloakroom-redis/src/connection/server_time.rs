use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cloakroom::Timestamp;
use redis::Value;

/// Interval at which a connected server is asked for the time.
const INTERVAL: Duration = Duration::from_secs(60);

/// The time on the server's clock, extrapolated from the last reply to `TIME`.
#[derive(Debug, Default)]
pub(crate) struct ServerTime(Mutex<Option<(Timestamp, Instant)>>);

impl ServerTime {
    /// Records the reply to a `TIME` command that was sent at `sent`. Returns the server's time if
    /// the reply is valid.
    pub(crate) fn note(&self, answer: Value, sent: Instant) -> Option<Timestamp> {
        let (seconds, micros) = redis::from_redis_value::<(u64, u64)>(answer).ok()?;
        let said = Timestamp::from_millis(seconds.saturating_mul(1000).saturating_add(micros / 1000));
        *self.last() = Some((said, sent));
        Some(said)
    }

    pub(crate) fn now(&self) -> Option<Timestamp> {
        self.last().map(|(said, sent)| said.after(sent.elapsed()))
    }

    fn last(&self) -> MutexGuard<'_, Option<(Timestamp, Instant)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns `true` if it is time to query again. `false` if there never was a reply, as when the
    /// user may not run `TIME`.
    pub(crate) fn is_old(&self) -> bool {
        self.last().is_some_and(|(_, sent)| sent.elapsed() >= INTERVAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(seconds: &str, micros: &str) -> Value {
        Value::Array([seconds, micros].map(|text| Value::BulkString(text.as_bytes().to_vec())).to_vec())
    }

    #[test]
    fn the_time_goes_on_from_what_the_server_said() {
        let time = ServerTime::default();
        assert_eq!(time.now(), None);
        assert!(!time.is_old());
        let sent = Instant::now();
        assert_eq!(time.note(answer("1764000000", "7999"), sent), Some(Timestamp::from_millis(1_764_000_000_007)));
        assert!(time.now() >= Some(Timestamp::from_millis(1_764_000_000_007)));
        assert!(!time.is_old());
    }

    #[test]
    fn what_is_no_time_changes_nothing() {
        let time = ServerTime::default();
        for nonsense in [Value::Nil, answer("soon", "0"), Value::Array(vec![])] {
            assert_eq!(time.note(nonsense, Instant::now()), None);
        }
        assert_eq!(time.now(), None);
    }
}
