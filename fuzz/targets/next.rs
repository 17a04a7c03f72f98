//! The page to return to after a login: a browser that follows the URL Standard stays on the site.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|page: &[u8]| cloakroom_auth::fuzzing::next(page));
