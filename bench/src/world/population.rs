use std::sync::Arc;

use axum::http::header::SET_COOKIE;
use axum::response::Response;
use cloakroom::Sessions;

use crate::Failure;
use crate::measure::Subject;

use super::app::layered;
use super::request::{Ask, request};

/// The length of a token without a version hint: 32 bytes in Base64url.
const TOKEN: usize = 43;

/// Sessions and the tokens that open them, as their clients would hold them.
pub(crate) struct Population {
    pub(crate) sessions: Sessions,
    tokens: Vec<[u8; TOKEN]>,
}

impl Population {
    /// Room for the tokens of so many visitors, made and touched here so that it is not measured later.
    pub(crate) fn room(sessions: Sessions, count: usize) -> Self {
        Self { sessions, tokens: vec![[0; TOKEN]; count] }
    }

    /// Has every visitor send `ask` without a token, and keeps what they get. `between` is called
    /// after each of so many `waves` of arrivals.
    pub(crate) fn arrive(&mut self, ask: Ask, waves: usize, mut between: impl FnMut()) -> Result<(), Failure> {
        let mut visitor = 0;
        let next = move || {
            visitor += 1;
            request(ask, None, visitor)
        };
        let mut subject = Subject::new(layered(&self.sessions), next);
        let wave = self.tokens.len().div_ceil(waves).max(1);
        for tokens in self.tokens.chunks_mut(wave) {
            for token in tokens {
                *token = token_of(&subject.ask()?)?;
            }
            between();
        }
        Ok(())
    }

    /// So many sessions, each made by `ask`.
    pub(crate) fn of(sessions: Sessions, count: usize, ask: Ask) -> Result<Arc<Self>, Failure> {
        let mut population = Self::room(sessions, count);
        population.arrive(ask, 1, || ())?;
        Ok(Arc::new(population))
    }

    pub(crate) fn token(&self, visitor: usize) -> Option<&[u8]> {
        self.tokens.get(visitor).map(<[u8; TOKEN]>::as_slice)
    }

    pub(crate) fn len(&self) -> usize {
        self.tokens.len()
    }
}

/// The token that a response gives out.
fn token_of(response: &Response) -> Result<[u8; TOKEN], Failure> {
    let cookies = response.headers().get_all(SET_COOKIE);
    let token = |cookie: &[u8]| <[u8; TOKEN]>::try_from(cookie.strip_prefix(b"__Host-session=")?.get(..TOKEN)?).ok();
    let last = cookies.iter().filter_map(|cookie| token(cookie.as_bytes())).next_back();
    last.ok_or_else(|| "a response that starts a session gives out no token".into())
}
