//! The address of a server, up to the point where somebody would connect to it.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom_redis::fuzzing::address(input));
