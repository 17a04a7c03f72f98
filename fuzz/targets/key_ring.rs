//! The text of a key ring, which nothing else may show.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom::fuzzing::key_ring(input));
