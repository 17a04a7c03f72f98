//! The program, over a real store of each kind with the sessions of an application.

#![allow(clippy::unwrap_used, reason = "the lint exempts test functions, but not their helpers")]

mod application;
mod commands;
mod doctor;
mod mistakes;
mod program;
