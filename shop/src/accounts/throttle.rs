//! Slows down those who guess passwords, without making anybody wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use moka::future::Cache;

/// Attempts that one account has in one window.
const ATTEMPTS: u32 = 10;

/// A refused visitor may try again after at most this long.
const WINDOW: Duration = Duration::from_secs(60);

/// Names that are remembered at once; a flood of invented names only pushes out other names.
const NAMES: u64 = 10_000;

/// Counts the attempts per account name, whether or not such an account exists.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    attempts: Cache<String, Arc<AtomicU32>>,
}

impl Throttle {
    pub(crate) fn new() -> Self {
        Self { attempts: Cache::builder().max_capacity(NAMES).time_to_live(WINDOW).build() }
    }

    /// Takes one attempt. It is taken before the password is checked, so that a thousand requests
    /// at once get no more guesses than one after the other.
    pub(crate) async fn admit(&self, name: &str) -> bool {
        let attempts = self.attempts.get_with(name.to_lowercase(), async { Arc::default() }).await;
        attempts.fetch_add(1, Ordering::Relaxed) < ATTEMPTS
    }

    /// Forgets the attempts of somebody who knew the password.
    pub(crate) async fn forgive(&self, name: &str) {
        self.attempts.invalidate(&name.to_lowercase()).await;
    }
}

#[cfg(test)]
mod tests {
    use super::{ATTEMPTS, Throttle};

    #[tokio::test]
    async fn guesses_run_out_and_a_right_password_brings_them_back() {
        let throttle = Throttle::new();
        for _ in 0..ATTEMPTS {
            assert!(throttle.admit("Alice").await);
        }
        assert!(!throttle.admit("alice").await, "one spelling more is not one account more");
        assert!(throttle.admit("bob").await);
        throttle.forgive("alice").await;
        assert!(throttle.admit("alice").await);
    }
}
