mod budget;
mod builders;
mod cell;
mod change;
mod evict;
mod side;
mod snapshot;
mod stage;
mod table;
mod tier;
mod timer;
mod wheel;

pub(super) use builders::{Shape, shapes};
