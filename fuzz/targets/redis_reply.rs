//! Arbitrary bytes from a server, passed through every parser that reads them.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom_redis::fuzzing::reply(input));
