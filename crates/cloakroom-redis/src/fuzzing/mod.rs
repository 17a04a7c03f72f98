//! The checks behind the fuzz targets of `fuzz/`, one function each; not part of the API.
//!
//! Compiled for the fuzzers (`--cfg fuzzing`) and for the tests, which replay the committed seeds,
//! and inputs near them, through the same functions.

mod address;
mod record;
mod reply;
#[cfg(test)]
#[path = "../../../cloakroom/tests/support/seeds.rs"]
mod seeds;

pub use address::address;
pub use record::record;
pub use reply::reply;

#[cfg(test)]
mod tests {
    use super::seeds::replay;
    use super::*;

    #[test]
    fn the_seeds_of_redis_address_find_nothing() {
        replay("redis_address", address);
    }

    #[test]
    fn the_seeds_of_redis_record_find_nothing() {
        replay("redis_record", record);
    }

    #[test]
    fn the_seeds_of_redis_reply_find_nothing() {
        replay("redis_reply", reply);
    }
}
