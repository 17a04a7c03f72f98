//! A value as a store returned it: it either survives a round trip or is not quoted.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom::fuzzing::stored_value(input));
