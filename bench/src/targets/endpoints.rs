//! What the endpoints of all servers under test have in common. `bench/sqlx-peer` uses this file too.
//!
//! | endpoint | effect |
//! |---|---|
//! | `GET /idle` | does not touch the session |
//! | `POST /fill` | puts a cart of five items into the session |
//! | `POST /start` | the same, and a counter |
//! | `GET /cart` | returns the number of items |
//! | `POST /add` | changes the quantity of an item, returns the number of items |
//! | `POST /count`, `GET /count` | increments the counter and returns it; returns it |
//! | `POST /late` | reads the counter, waits for [`SLOW_WRITE_DELAY`], writes it incremented |
//! | `POST /login`, `GET /who` | logs the next user in with a new id and the cart kept; returns the user's number, 0 for nobody |
//! | `POST /rotate/fail` | gives the session a new id, then fails with 500 |
//! | `POST /switch` | ends the session and logs the next user in, in one request |
//! | `POST /logout` | ends the session |

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

/// The time between the read and the write of `POST /late`.
pub(crate) const SLOW_WRITE_DELAY: Duration = Duration::from_millis(150);

/// Returns the number of the next user to log in.
pub(crate) fn next_user() -> u64 {
    static USERS: AtomicU64 = AtomicU64::new(1);
    USERS.fetch_add(1, Relaxed)
}
