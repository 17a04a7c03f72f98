//! The checks of the fuzz targets in `fuzz/`, one function each. Not part of the API.
//!
//! Compiled for the fuzzers (`--cfg fuzzing`) and for the tests, which replay the committed seeds,
//! and inputs near them, through the same functions.

mod bearer;
mod cookie_config;
mod cookie_header;
#[cfg(test)]
#[path = "../../tests/support/seeds.rs"]
mod seeds;
mod token;

pub use crate::crypto::key_ring;
pub use crate::session::stored_value;
pub use bearer::bearer;
pub use cookie_config::cookie_config;
pub use cookie_header::cookie_header;
pub use token::token;

#[cfg(test)]
mod tests {
    use super::seeds::replay;
    use super::*;

    #[test]
    fn the_seeds_of_bearer_find_nothing() {
        replay("bearer", bearer);
    }

    #[test]
    fn the_seeds_of_cookie_config_find_nothing() {
        replay("cookie_config", cookie_config);
    }

    #[test]
    fn the_seeds_of_cookie_header_find_nothing() {
        replay("cookie_header", cookie_header);
    }

    #[test]
    fn the_seeds_of_key_ring_find_nothing() {
        replay("key_ring", key_ring);
    }

    #[test]
    fn the_seeds_of_stored_value_find_nothing() {
        replay("stored_value", stored_value);
    }

    #[test]
    fn the_seeds_of_token_find_nothing() {
        replay("token", token);
    }
}
