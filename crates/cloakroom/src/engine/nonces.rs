//! The nonces that identify the writes of this process.

use crate::random::{RandomError, RandomSource, SplitMix};
use crate::sync::{AtomicU64, Ordering};

/// Generator of nonces for the writes of this process. The lower 32 bits identify the process, the
/// upper ones the write.
///
/// They need not be unguessable, so the operating system is asked for random bytes once and not for
/// each write, where that would take longer than anything else in a commit.
#[derive(Debug)]
pub(super) struct Nonces {
    seed: u64,
    written: AtomicU64,
}

impl Nonces {
    pub(super) fn generate(random: &dyn RandomSource) -> Result<Self, RandomError> {
        let mut seed = [0; 8];
        random.fill(&mut seed)?;
        Ok(Self { seed: u64::from_le_bytes(seed), written: AtomicU64::new(0) })
    }

    /// Returns a nonce that this process has not used yet. After 2^32 writes the lower half
    /// changes.
    pub(super) fn next(&self) -> u64 {
        let count = self.written.fetch_add(1, Ordering::Relaxed);
        let process = SplitMix::mixed(self.seed.wrapping_add(count >> 32)) as u32;
        let write = permuted((count as u32).wrapping_add((self.seed >> 32) as u32));
        u64::from(write) << 32 | u64::from(process)
    }
}

/// The finaliser of MurmurHash3: a permutation, so that different numbers stay different.
const fn permuted(number: u32) -> u32 {
    let number = (number ^ number >> 16).wrapping_mul(0x85EB_CA6B);
    let number = (number ^ number >> 13).wrapping_mul(0xC2B2_AE35);
    number ^ number >> 16
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::random::OsRandom;
    use crate::writers::version_step;

    #[test]
    fn no_two_are_alike_nor_are_those_of_two_processes() -> Result<(), RandomError> {
        let (one, other) = (Nonces::generate(&OsRandom)?, Nonces::generate(&OsRandom)?);
        let names: HashSet<u64> = (0..10_000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(names.len(), 20_000);
        Ok(())
    }

    #[test]
    fn the_lower_half_names_the_process() -> Result<(), RandomError> {
        let (one, other) = (Nonces::generate(&OsRandom)?, Nonces::generate(&OsRandom)?);
        let processes: HashSet<u32> = (0..1000).flat_map(|_| [one.next() as u32, other.next() as u32]).collect();
        assert_eq!(processes.len(), 2);
        one.written.store((1 << 32) - 1, Ordering::Relaxed);
        let (last, first) = (one.next(), one.next());
        assert_ne!(last as u32, first as u32, "the process part is unchanged after 2^32 writes");
        Ok(())
    }

    #[test]
    fn versions_grow_by_steps_that_hardly_ever_repeat() -> Result<(), RandomError> {
        let nonces = Nonces::generate(&OsRandom)?;
        let steps: HashSet<u64> = (0..1000).map(|_| version_step(nonces.next())).collect();
        assert!(steps.len() > 990, "{}", steps.len());
        assert!(steps.iter().all(|step| (1..=1 << 24).contains(step)));
        Ok(())
    }
}
