use crate::random::{RandomError, RandomSource, SplitMix};

/// Names for writes: no two alike in this process, and hardly ever one that another process gives too.
///
/// Nothing depends on their being unguessable, so the operating system is asked once and not for
/// each write, where its answer would take longer than anything else that a commit does here.
#[derive(Debug)]
pub(super) struct Nonces(SplitMix);

impl Nonces {
    pub(super) fn generate(random: &dyn RandomSource) -> Result<Self, RandomError> {
        let mut start = [0; 8];
        random.fill(&mut start)?;
        Ok(Self(SplitMix::new(u64::from_le_bytes(start))))
    }

    pub(super) fn next(&self) -> u64 {
        self.0.next()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::random::OsRandom;

    #[test]
    fn no_two_are_alike_nor_are_those_of_two_processes() -> Result<(), RandomError> {
        let (one, other) = (Nonces::generate(&OsRandom)?, Nonces::generate(&OsRandom)?);
        let names: HashSet<u64> = (0..10_000).flat_map(|_| [one.next(), other.next()]).collect();
        assert_eq!(names.len(), 20_000);
        Ok(())
    }

    #[test]
    fn the_part_that_travels_in_a_token_differs_as_if_by_chance() -> Result<(), RandomError> {
        let nonces = Nonces::generate(&OsRandom)?;
        let hints: HashSet<u16> = (0..1000).map(|_| nonces.next() as u16).collect();
        // Of a thousand random ones some eight would meet another; forty is beyond any chance.
        assert!(hints.len() > 960, "{}", hints.len());
        Ok(())
    }
}
