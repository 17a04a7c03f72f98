use std::sync::Arc;

use cloakroom::Sessions;

use crate::Failure;
use crate::measure::Subject;

use super::app::layered;
use super::cookies::Cookies;
use super::request::{Ask, request};

/// Sessions of ours, and the cookies that open them. Clones are the same population.
#[derive(Clone)]
pub(crate) struct Population {
    pub(crate) sessions: Sessions,
    pub(crate) cookies: Arc<Cookies>,
}

impl Population {
    /// So many sessions, each made by `ask`.
    pub(crate) fn of(sessions: Sessions, count: usize, ask: Ask) -> Result<Self, Failure> {
        let mut cookies = Cookies::room(count);
        cookies.arrive(&mut newcomers(layered(&sessions), ask), 1, || ())?;
        Ok(Self { sessions, cookies: Arc::new(cookies) })
    }

    pub(crate) fn len(&self) -> usize {
        self.cookies.len()
    }
}

/// Visitors without a cookie, each of whom is another user.
pub(crate) fn newcomers(service: axum::Router, ask: Ask) -> Subject {
    let mut visitor = 0;
    let next = move || {
        visitor += 1;
        request(ask, None, visitor)
    };
    Subject::new(service, next)
}
