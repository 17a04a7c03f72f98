use std::sync::Arc;

use axum::extract::Request;

use super::cookies::Cookies;
use super::request::{Ask, request};

/// Whose session a request names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pick {
    /// Nobody's.
    Nobody,
    /// Always the same one's.
    One,
    /// One of the first so many, at random.
    Random(usize),
    /// Everybody's in turn, once.
    Each,
}

impl Pick {
    /// Requests of visitors picked in this way. `share` of `shares` takes its part of [`Pick::Each`].
    pub(crate) fn requests(
        self,
        ask: Ask,
        cookies: Arc<Cookies>,
        seed: u64,
        (share, shares): (usize, usize),
    ) -> impl FnMut() -> Request + Send + 'static {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut turn = share;
        move || {
            let visitor = match self {
                Self::Nobody => None,
                Self::One => Some(0),
                Self::Random(among) => Some(random.usize(..among)),
                Self::Each => {
                    let mine = turn;
                    turn += shares;
                    Some(mine)
                }
            };
            let cookie = visitor.and_then(|visitor| cookies.of(visitor));
            request(ask, cookie, random.u64(..))
        }
    }
}
