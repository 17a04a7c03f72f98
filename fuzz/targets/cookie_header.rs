//! The cookie reader against one that takes its time.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|request: &[u8]| cloakroom::fuzzing::cookie_header(request));
