//! Servers that were broken into, or that never were what they say: whatever they answer is an error or a
//! miss, never somebody else's session, and never the end of the process.

mod configuration;
mod pushes;
mod records;
mod replies;
