//! The text of a token, against a parser that spells the bits out.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom::fuzzing::token(input));
