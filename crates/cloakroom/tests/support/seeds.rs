//! Replays the committed seeds of a fuzz target, and variants of them, through the target's checks.

use std::fs;
use std::path::Path;

/// The number of variants of each seed.
const VARIANTS: usize = 200;

/// Checks every seed of the target and its variants, in which a few bytes are changed, cut or
/// doubled as a fuzzer would. The variants are the same in every run.
///
/// # Panics
/// If there are no seeds, or if `check` panics.
pub(crate) fn replay(target: &str, check: fn(&[u8])) {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds")).join(target);
    let listed = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut seeds: Vec<_> = listed.map(|file| file.expect("a file").path()).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} is empty", folder.display());
    let mut mutator = Mutator(0x9e37_79b9_7f4a_7c15);
    for path in seeds {
        let seed = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        check(&seed);
        for _ in 0..VARIANTS {
            let mut variant = seed.clone();
            (0..=mutator.below(4)).for_each(|_| mutator.change(&mut variant));
            check(&variant);
        }
    }
}

/// A fixed sequence of mutations, so that a failure reproduces.
struct Mutator(u64);

impl Mutator {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % end.max(1)
    }

    fn change(&mut self, input: &mut Vec<u8>) {
        let at = self.below(input.len());
        let interesting = b"\0\x7f\xff 019=:;,.-+\"{}[]$*%\r\n/#?&@";
        match (self.below(6), input.len()) {
            (_, 0) | (0, _) => input.insert(at, interesting[self.below(interesting.len())]),
            (1, _) => input[at] ^= 1 << self.below(8),
            (2, _) => input[at] = interesting[self.below(interesting.len())],
            (3, _) => drop(input.remove(at)),
            (4, _) => input.truncate(at),
            (_, length) => {
                let part = input[at..(at + self.below(40)).min(length)].to_vec();
                let to = self.below(length);
                input.splice(to..to, part);
            }
        }
    }
}
