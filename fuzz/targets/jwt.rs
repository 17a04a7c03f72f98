//! The JWT parser: every token that it accepts satisfies all rules.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom_jwt::fuzzing::jwt(input));
