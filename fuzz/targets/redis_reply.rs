//! Whatever a server sends, through everything that reads it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom_redis::fuzzing::reply(input));
