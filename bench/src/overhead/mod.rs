//! Nanoseconds and allocations per request over bare axum, in one process: Cloakroom in many
//! variants, and all libraries with their sessions in memory.

mod libraries;
mod variants;

use crate::Result;
use crate::args::Options;
use crate::report::Section;

/// The number of sessions that requests of "1000 sessions" choose from.
const FREQUENT_SESSIONS: usize = 1000;

pub(crate) fn run(options: &Options) -> Result<Vec<Section>> {
    let mut sections = vec![variants::section(options)?];
    sections.extend(libraries::sections(options)?);
    Ok(sections)
}
