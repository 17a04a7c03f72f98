//! Waiting with a time limit.

use crate::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Polling interval: short compared with what servers need, long compared with the cost of a poll.
const PAUSE: Duration = Duration::from_millis(10);

/// Polls `look` until it succeeds, and returns its value.
///
/// An error of `look` means "not yet". `what` continues the sentence "waiting until ...".
///
/// # Errors
///
/// [`Error::TimedOut`] with the text of the last error once `limit` has passed. A call of `look`
/// that does not return is cancelled at the limit too.
pub async fn until<T, Look>(what: &str, limit: Duration, mut look: impl FnMut() -> Look) -> Result<T, Error>
where
    Look: Future<Output = Result<T, Error>>,
{
    let deadline = Instant::now() + limit;
    let mut last = String::from("none, the check did not return");
    loop {
        match timeout_at(deadline, look()).await {
            Ok(Ok(found)) => return Ok(found),
            Ok(Err(error)) => last = error.to_string(),
            Err(_) => return Err(Error::TimedOut { what: what.to_owned(), limit, last }),
        }
        if Instant::now() + PAUSE >= deadline {
            return Err(Error::TimedOut { what: what.to_owned(), limit, last });
        }
        sleep(PAUSE).await;
    }
}
