//! Waiting that ends.

use crate::Error;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Between two looks: short against what servers need, long against what a look costs.
const PAUSE: Duration = Duration::from_millis(10);

/// Looks again and again until `look` succeeds, and returns what it found.
///
/// An error of `look` means "not yet". `what` continues the sentence "waited in vain until ...".
///
/// # Errors
///
/// [`Error::TimedOut`] with the text of the last look's error once `limit` has passed. A look that
/// does not return is ended at the limit too.
pub async fn until<T, Look>(what: &str, limit: Duration, mut look: impl FnMut() -> Look) -> Result<T, Error>
where
    Look: Future<Output = Result<T, Error>>,
{
    let deadline = Instant::now() + limit;
    let mut last = String::from("nothing, it did not return");
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
