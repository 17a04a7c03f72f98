//! The cookie parser, compared with a simple reference parser.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|request: &[u8]| cloakroom::fuzzing::cookie_header(request));
