//! Nanoseconds and allocations per request over bare axum, in one process: ours in every variant, and the
//! peers beside it.

mod ours;
mod peers;
mod rows;

use crate::Failure;
use crate::args::Options;
use crate::report::Section;

pub(crate) fn run(options: &Options) -> Result<Vec<Section>, Failure> {
    let mut sections = vec![ours::section(options)?];
    sections.push(peers::section(options)?);
    Ok(sections)
}
