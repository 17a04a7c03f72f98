//! Time, memory and latency as the number of sessions grows, and while sessions are created and expire.

mod churn;
mod expiry;
mod generations;
mod growth;
mod server;

use crate::Result;
use crate::args::{Options, ScaleTest};
use crate::report::Section;

pub(crate) fn run(test: ScaleTest, options: &Options) -> Result<Vec<Section>> {
    let section = match test {
        ScaleTest::Growth => growth::section(options)?,
        ScaleTest::Churn => churn::section(options)?,
        ScaleTest::Expiry => expiry::section(options)?,
        ScaleTest::Generations => generations::section(options)?,
    };
    Ok(vec![section])
}

/// The numbers of sessions that are measured.
fn sizes(options: &Options) -> impl Iterator<Item = usize> + Clone {
    let largest = options.size(10_000_000, 10_000);
    [10_000, 100_000, 1_000_000, 10_000_000].into_iter().filter(move |count| *count <= largest)
}
