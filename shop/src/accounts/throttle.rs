//! Limits password guesses per account.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::future::Cache;

/// The number of attempts per account and window.
const MAX_ATTEMPTS: u32 = 10;

/// After this time, attempts are allowed again.
const WINDOW: Duration = Duration::from_secs(60);

/// The number of names remembered; a flood of invented names only evicts other names.
const MAX_NAMES: u64 = 10_000;

/// Counts the attempts per account name, whether or not the account exists.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    attempts: Cache<String, Arc<AtomicU32>>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self { attempts: Cache::builder().max_capacity(MAX_NAMES).time_to_live(WINDOW).build() }
    }

    /// Takes one attempt, and returns `false` if none is left.
    ///
    /// Call it before the password is checked, so that concurrent requests get no extra guesses.
    pub(crate) async fn try_acquire(&self, name: &str) -> bool {
        let attempts = self.attempts.get_with(name.to_lowercase(), async { Arc::default() }).await;
        attempts.fetch_add(1, Ordering::Relaxed) < MAX_ATTEMPTS
    }

    /// Gives an account all its attempts back, after a correct password.
    pub(crate) async fn reset(&self, name: &str) {
        self.attempts.invalidate(&name.to_lowercase()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{MAX_ATTEMPTS, Throttle};

    #[tokio::test]
    async fn attempts_run_out_and_a_correct_password_restores_them() {
        let throttle = Throttle::new();
        for _ in 0..MAX_ATTEMPTS {
            assert!(throttle.try_acquire("Alice").await);
        }
        assert!(!throttle.try_acquire("alice").await, "names are compared without case");
        assert!(throttle.try_acquire("bob").await);
        throttle.reset("alice").await;
        assert!(throttle.try_acquire("alice").await);
    }
}
