//! What the tests are made of: houses to test in, browsers to test with, and ways to look for leaks.

mod browser;
mod deployment;
mod handler_gate;
mod leaks;
mod log;
mod program;
#[path = "../../support/recording.rs"]
mod recording;
mod token_text;
mod values;
mod verbs;
mod wire;

pub(crate) use browser::{Browser, Reply, send, with_cookie};
pub(crate) use deployment::{APART, Deployment, Node, minutes, secs};
pub(crate) use handler_gate::HandlerGate;
pub(crate) use leaks::spellings;
pub(crate) use log::capture;
pub(crate) use program::Program;
pub(crate) use recording::{Recording, recorded, recorded_in_memory};
pub(crate) use token_text::{COOKIE, SPARE_BITS, canonical, decode, invented, respelled, ticket};
pub(crate) use values::{Count, Kept, Note, Theme};
pub(crate) use verbs::{CREATING, VERBS, perform, routes};
pub(crate) use wire::{Connection, serve};
