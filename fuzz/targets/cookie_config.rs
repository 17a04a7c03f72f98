//! Cookie settings that pass the validation, checked against the rules of RFC 6265bis for browsers.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom::fuzzing::cookie_config(input));
