//! A record as Redis holds it, against a reader that takes its time.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom_redis::fuzzing::record(input));
