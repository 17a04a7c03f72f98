use std::collections::HashSet;

use parking_lot::Mutex;

/// The writes of this process that are answered and not reported yet, so that their reports do not
/// drop the copies of their own node.
///
/// A write whose answer never came is not here: its report drops the copy.
#[derive(Debug, Default)]
pub(super) struct OwnWrites(Mutex<Generations>);

#[derive(Debug, Default)]
struct Generations {
    /// Answered since the last poll was sent.
    new: HashSet<i64>,
    /// Answered before the last poll was sent: that poll, or one before it, reports them.
    old: HashSet<i64>,
}

impl OwnWrites {
    /// Notes that a write was answered.
    pub(super) fn answered(&self, write: i64) {
        self.0.lock().new.insert(write);
    }

    /// To be called before a poll is sent.
    pub(super) fn before_poll(&self) {
        let mut generations = self.0.lock();
        let new = std::mem::take(&mut generations.new);
        generations.old.extend(new);
    }

    /// Returns `true` if a reported write is one of these. A write that changes several sessions is
    /// reported once for each.
    pub(super) fn contains(&self, write: i64) -> bool {
        let generations = self.0.lock();
        generations.old.contains(&write) || generations.new.contains(&write)
    }

    /// To be called after the reports of a poll were handled.
    pub(super) fn after_poll(&self) {
        self.0.lock().old.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answered_write_is_recognised_in_the_next_poll_and_forgotten_after_it() {
        let writes = OwnWrites::default();
        writes.answered(1);
        writes.before_poll();
        writes.answered(2);
        assert!(writes.contains(1) && writes.contains(1), "a write may change several sessions");
        writes.answered(3);
        assert!(writes.contains(3), "answered while the poll was on its way");
        writes.after_poll();
        writes.before_poll();
        assert!(writes.contains(2) && !writes.contains(1) && !writes.contains(4));
        writes.answered(5);
        writes.before_poll();
        writes.after_poll();
        assert!(!writes.contains(5), "its report cannot come any more");
    }
}
