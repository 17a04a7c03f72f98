mod budget;
pub(crate) mod builders;
mod change;
mod entry;
mod evict;
mod expire;
mod fixture;
mod local_cache;
mod resizing_lines;
mod snapshot;
mod table;
mod waiters;
mod wheel;

pub(super) use builders::{Shape, shapes};
