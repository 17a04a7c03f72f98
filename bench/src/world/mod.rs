//! What is measured: an application, its visitors and their requests.

mod app;
mod clock;
mod cookies;
mod jar;
mod pick;
mod population;
mod request;
mod seeded;
mod values;

pub(crate) use app::{bare, layered, wrapped};
pub(crate) use clock::HandClock;
pub(crate) use cookies::Cookies;
pub(crate) use jar::Jar;
pub(crate) use pick::Pick;
pub(crate) use population::{Population, newcomers};
pub(crate) use request::{Ask, BROWSER, OTHER_COOKIES};
pub(crate) use seeded::Seeded;
pub(crate) use values::Cart;
