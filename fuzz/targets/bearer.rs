//! What an `Authorization` field says, against a reader that takes its time.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|request: &[u8]| cloakroom::fuzzing::bearer(request));
