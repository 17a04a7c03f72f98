use std::time::Duration;

const MIN_DELAY: Duration = Duration::from_millis(20);
const MAX_DELAY: Duration = Duration::from_secs(1);

/// Delay before the next attempt. It doubles each time up to one second, and is random so that
/// processes do not retry in step.
#[derive(Debug, Default)]
pub(crate) struct Backoff(u32);

impl Backoff {
    pub(crate) fn next(&mut self) -> Duration {
        let longest = MIN_DELAY.saturating_mul(1 << self.0.min(10)).min(MAX_DELAY);
        self.0 = self.0.saturating_add(1);
        longest.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    pub(crate) fn reset(&mut self) {
        self.0 = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attempts_become_rarer_but_never_rarer_than_once_in_a_second() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..40).map(|_| backoff.next()).collect();
        assert!(waits[0] <= MIN_DELAY && waits[0] >= MIN_DELAY / 2);
        assert!(waits[20..].iter().all(|wait| (MAX_DELAY / 2..=MAX_DELAY).contains(wait)));
        backoff.reset();
        assert!(backoff.next() <= MIN_DELAY);
    }
}
