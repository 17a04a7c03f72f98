//! Whole sessions: a visitor comes, does so many things, and is not seen again.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Instant;

use crate::Failure;

use super::client::{Client, Crowd};
use super::visitor::{head, request};
use super::{Driven, Journey};

impl Crowd {
    pub(super) async fn travel(&mut self, journey: &Journey) -> Result<Driven, Failure> {
        let heads: Rc<Vec<String>> = Rc::new(journey.steps.iter().map(|line| head(line)).collect());
        let left = Rc::new(Cell::new(journey.visitors));
        let began = Instant::now();
        self.all(began, |client| client.travel(Rc::clone(&heads), Rc::clone(&left))).await
    }
}

impl Client {
    /// Takes one visitor after the other, until none is left.
    async fn travel(mut self, heads: Rc<Vec<String>>, left: Rc<Cell<usize>>) -> Result<Self, Failure> {
        while let Some(rest) = left.get().checked_sub(1) {
            left.set(rest);
            let began = Instant::now();
            let mut jar = self.start().await?;
            for head in heads.iter() {
                let reply = self.send_to_any(&request(head, jar.line())).await?;
                self.failed += u64::from(reply.status != 200);
                reply.cookies.iter().for_each(|set| jar.keep(set));
            }
            self.latencies.record(began.elapsed());
        }
        Ok(self)
    }
}
