use std::time::Duration;

use crate::sync::{AtomicU64, Ordering::Relaxed};
use crate::time::Timestamp;

/// How far apart two lines about the same kind of trouble are, at least.
const SILENCE: Duration = Duration::from_secs(10);

/// A kind of trouble that an attacker can have happen thousands of times a second. The log tells of it
/// seldom, and how often it was since the last line.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    silent_until: AtomicU64,
    untold: AtomicU64,
}

impl Alarm {
    /// It happened once more. If it is time for a line: how often since the last one.
    pub(crate) fn rings(&self, now: Timestamp) -> Option<u64> {
        self.untold.fetch_add(1, Relaxed);
        let silent_until = self.silent_until.load(Relaxed);
        if now.as_millis() < silent_until {
            return None;
        }
        let next = now.after(SILENCE).as_millis();
        let mine = self.silent_until.compare_exchange(silent_until, next, Relaxed, Relaxed).is_ok();
        mine.then(|| self.untold.swap(0, Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r34_trouble_is_told_at_once_then_seldom_and_never_forgotten() {
        let alarm = Alarm::default();
        let at = |seconds| Timestamp::from_millis(1_800_000_000_000).after(Duration::from_secs(seconds));
        assert_eq!(alarm.rings(at(0)), Some(1));
        assert_eq!((0..9999).filter_map(|_| alarm.rings(at(9))).count(), 0);
        assert_eq!(alarm.rings(at(10)), Some(10_000));
        assert_eq!(alarm.rings(at(11)), None);
    }
}
