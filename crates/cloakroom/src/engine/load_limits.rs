//! The limit on concurrent loaders.

use crate::sync::{AtomicU64, Ordering};

use crate::config::Config;

/// Number of running loaders, and how many may run.
///
/// Loaders run detached, so clients that disconnect would otherwise leave any number of them
/// behind.
#[derive(Debug)]
pub(crate) struct LoadLimits {
    running: AtomicU64,
    total: u64,
    per_session: u64,
}

impl LoadLimits {
    pub(super) fn new(policy: &Config) -> Self {
        Self {
            running: AtomicU64::new(0),
            total: policy.max_loads as u64,
            per_session: policy.max_loads_per_session as u64,
        }
    }

    /// Returns `true` if one more loader may start in a session that has `of_session` running. When
    /// that loader finishes, the caller must call [`done`](Self::done).
    ///
    /// The more loaders a session has, the more places must be free: when many sessions want many,
    /// the first load of another one still finds room.
    pub(crate) fn admit(&self, of_session: usize) -> bool {
        let of_session = of_session as u64;
        if of_session >= self.per_session {
            return false;
        }
        let kept_free = u128::from(self.total) * u128::from(of_session) / u128::from(self.per_session);
        let allowed = self.total.saturating_sub(u64::try_from(kept_free).unwrap_or(u64::MAX));
        let mut running = self.running.load(Ordering::SeqCst);
        while running < allowed {
            match self.running.compare_exchange(running, running + 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return true,
                Err(now) => running = now,
            }
        }
        false
    }

    /// Returns how many loaders are running.
    #[cfg(feature = "metrics")]
    pub(crate) fn running(&self) -> u64 {
        self.running.load(Ordering::SeqCst)
    }

    /// Releases the place of a loader that has finished.
    pub(crate) fn done(&self) {
        self.running.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loads(total: usize, per_session: usize) -> LoadLimits {
        LoadLimits::new(&Config { max_loads: total, max_loads_per_session: per_session, ..Config::default() })
    }

    #[test]
    fn no_session_has_more_than_its_share_and_all_together_no_more_than_there_are() {
        let loads = loads(100, 4);
        let mut first = 0;
        while loads.admit(first) {
            first += 1;
        }
        assert_eq!(first, 4);
        let others = (0..200).filter(|_| loads.admit(0)).count();
        assert_eq!(others, 96);
        loads.done();
        assert!(loads.admit(0));
    }

    #[test]
    fn sessions_that_want_many_leave_room_for_those_that_want_one() {
        let loads = loads(64, 8);
        let mut greedy = [0; 1000];
        // All of them in turn, until none is admitted a second time.
        for _ in 0..8 {
            greedy[..40].iter_mut().for_each(|running| *running += usize::from(loads.admit(*running)));
        }
        let taken: usize = greedy.iter().sum();
        assert!(taken <= 56, "{taken} of 64");
        assert!(greedy[..40].iter().all(|running| *running >= 1));
        assert!(loads.admit(0), "the first load of another session");
    }
}
