//! The token parsers, compared with one that decodes bit by bit.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom::fuzzing::token(input));
