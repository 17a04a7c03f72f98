//! A server that is down, slow, full or half open: effects on users, and recovery.

mod down;
mod interrupted;
mod limits;
mod promises;
mod tracking;
