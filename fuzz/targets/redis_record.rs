//! The parser of a record in Redis, compared with a simple reference parser.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| cloakroom_redis::fuzzing::record(input));
