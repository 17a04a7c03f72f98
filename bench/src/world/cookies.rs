use axum::http::header::SET_COOKIE;
use axum::response::Response;

use crate::Failure;
use crate::measure::Subject;

/// No session's id in any library here is longer.
const ROOM: usize = 48;

/// The session cookies of many visitors, as their browsers hold them: all of one name and length.
pub(crate) struct Cookies {
    /// With the sign of equality.
    name: Vec<u8>,
    width: usize,
    values: Vec<[u8; ROOM]>,
}

impl Cookies {
    /// Room for so many, made and touched here so that it is not measured later.
    pub(crate) fn room(count: usize) -> Self {
        Self { name: Vec::new(), width: 0, values: vec![[0; ROOM]; count] }
    }

    /// Sends every visitor's first request and keeps what they get. `between` is called after each of so
    /// many `waves` of arrivals.
    pub(crate) fn arrive(
        &mut self,
        subject: &mut Subject,
        waves: usize,
        mut between: impl FnMut(),
    ) -> Result<(), Failure> {
        let wave = self.values.len().div_ceil(waves).max(1);
        for start in (0..self.values.len()).step_by(wave) {
            for visitor in start..self.values.len().min(start + wave) {
                let response = subject.ask()?;
                self.keep(visitor, &response)?;
            }
            between();
        }
        Ok(())
    }

    /// The name and the value of a visitor's cookie.
    pub(crate) fn of(&self, visitor: usize) -> Option<[&[u8]; 2]> {
        Some([&self.name, self.values.get(visitor)?.get(..self.width)?])
    }

    pub(crate) fn len(&self) -> usize {
        self.values.len()
    }

    fn keep(&mut self, visitor: usize, response: &Response) -> Result<(), Failure> {
        let (name, value) = given(response).ok_or("a response that starts a session gives out no cookie")?;
        if self.name.is_empty() {
            (self.name, self.width) = (name.to_vec(), value.len());
        }
        let place = self.values[visitor].get_mut(..self.width).filter(|place| place.len() == value.len());
        place.ok_or("a session's cookie is longer than others'")?.copy_from_slice(value);
        Ok(())
    }
}

/// The cookie that a response sets; what takes one away has no value.
fn given(response: &Response) -> Option<(&[u8], &[u8])> {
    let pair = |set: &'_ [u8]| -> Option<(usize, usize)> {
        let end = set.iter().position(|byte| *byte == b';').unwrap_or(set.len());
        let start = set.iter().position(|byte| *byte == b'=')? + 1;
        (start < end).then_some((start, end))
    };
    let sets = response.headers().get_all(SET_COOKIE).iter().map(axum::http::HeaderValue::as_bytes);
    sets.filter_map(|set| pair(set).map(|(start, end)| (&set[..start], &set[start..end]))).next_back()
}
