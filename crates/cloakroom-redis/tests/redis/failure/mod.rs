//! The server is down, slow, full or half gone: what users see, and how it ends.

mod down;
mod interrupted;
mod limits;
mod promises;
mod tracking;
