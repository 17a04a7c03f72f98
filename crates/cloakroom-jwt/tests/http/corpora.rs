//! How many hostile inputs there are, so that docs/fuzzing.md says no number that nobody counted.

use crate::corpus::{Mint, cases};
use crate::figures::assert_said;

#[test]
fn the_page_says_how_many_hostile_jwts_there_are() {
    let mint = Mint { now: 1_800_000_000, longest: 3600, session: "A".repeat(43) };
    assert_said(&[("JWTs", cases(&mint).len())]);
}
