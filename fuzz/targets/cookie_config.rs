//! What the settings of a cookie let through, against a browser that knows RFC 6265bis.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom::fuzzing::cookie_config(input));
