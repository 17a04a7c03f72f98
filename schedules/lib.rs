//! Nothing: the tests of this package are those of `crates/cloakroom/tests/schedules.rs`.
