//! Shared fixtures: deployments, clients, and searches for leaked secrets.

mod bearer_client;
mod browser;
mod deployment;
mod handler_gate;
mod leaks;
#[path = "../../support/log.rs"]
mod log;
#[path = "../../support/recording.rs"]
mod recording;
mod socket;
mod token_text;
mod values;
mod verbs;

pub(crate) use bearer_client::BearerClient;
pub(crate) use browser::{Browser, Reply, send, with_cookie};
pub(crate) use deployment::{CLOCK_SKEWS, Deployment, Node, minutes, secs};
pub(crate) use handler_gate::HandlerGate;
pub(crate) use leaks::encodings;
pub(crate) use log::capture;
pub(crate) use recording::{Recording, recorded, recorded_in_memory};
pub(crate) use socket::{Connection, serve};
pub(crate) use token_text::{COOKIE, SPARE_BITS, bare_token, canonical, decode, unissued_token, with_spare_bits};
pub(crate) use values::{Count, Kept, Note, Theme};
pub(crate) use verbs::{CREATING_VERBS, VERBS, perform, routes};
