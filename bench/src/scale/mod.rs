//! Time and memory as the number of sessions grows, and over generations of sessions.

mod generations;
mod growth;

use crate::Result;
use crate::args::Options;
use crate::report::Section;

type RunTest = fn(&Options) -> Result<Section>;

/// The tests, as named on the command line. Each runs in a process of its own.
pub(crate) const TESTS: [(&str, RunTest); 2] = [("growth", growth::section), ("generations", generations::section)];

pub(crate) fn run(test: &str, options: &Options) -> Result<Vec<Section>> {
    let (_, run) = TESTS.iter().find(|(name, _)| *name == test).ok_or("unknown test")?;
    Ok(vec![run(options)?])
}

/// The numbers of sessions that are measured.
fn sizes(options: &Options) -> impl Iterator<Item = usize> {
    let largest = options.size(10_000_000, 10_000);
    [10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(move |count| *count <= largest)
}
