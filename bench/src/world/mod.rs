//! What is measured: an application, its visitors and their requests.

mod app;
mod clock;
mod population;
mod request;
mod seeded;
mod values;

pub(crate) use app::{bare, layered, wrapped};
pub(crate) use clock::HandClock;
pub(crate) use population::Population;
pub(crate) use request::{Ask, BROWSER, OTHER_COOKIES, Pick};
pub(crate) use seeded::Seeded;
pub(crate) use values::Cart;
