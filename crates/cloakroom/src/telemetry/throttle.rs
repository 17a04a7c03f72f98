use std::time::Duration;

use crate::sync::AtomicU64;
use crate::sync::Ordering::Relaxed;
use crate::time::Timestamp;

/// The minimum interval between two log lines of one throttle.
const LOG_INTERVAL: Duration = Duration::from_secs(10);

/// Throttles a warning that an attacker could trigger: one line per 10 s, with the number of
/// occurrences since the last line.
#[derive(Debug, Default)]
pub(crate) struct LogThrottle {
    silent_until: AtomicU64,
    suppressed: AtomicU64,
}

impl LogThrottle {
    /// Counts an occurrence. Returns the number since the last line if it is time for another.
    pub(crate) fn should_log(&self, now: Timestamp) -> Option<u64> {
        self.suppressed.fetch_add(1, Relaxed);
        let silent_until = self.silent_until.load(Relaxed);
        if now.as_millis() < silent_until {
            return None;
        }
        let next = now.after(LOG_INTERVAL).as_millis();
        let mine = self.silent_until.compare_exchange(silent_until, next, Relaxed, Relaxed).is_ok();
        mine.then(|| self.suppressed.swap(0, Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r34_trouble_is_told_at_once_then_seldom_and_never_forgotten() {
        let alarm = LogThrottle::default();
        let at = |seconds| Timestamp::from_millis(1_800_000_000_000).after(Duration::from_secs(seconds));
        assert_eq!(alarm.should_log(at(0)), Some(1));
        assert_eq!((0..9999).filter_map(|_| alarm.should_log(at(9))).count(), 0);
        assert_eq!(alarm.should_log(at(10)), Some(10_000));
        assert_eq!(alarm.should_log(at(11)), None);
    }
}
