//! The JWT reader: whatever it accepts keeps every rule.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom_jwt::fuzzing::jwt(input));
