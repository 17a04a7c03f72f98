//! The parser of key rings, whose secrets must not show anywhere.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom::fuzzing::key_ring(input));
