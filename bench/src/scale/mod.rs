//! What happens as sessions become many, come and go.

mod churn;
mod expiry;
mod generations;
mod growth;
mod scene;

use crate::Failure;
use crate::args::{Options, Stage};
use crate::report::Section;

pub(crate) fn run(stage: Stage, options: &Options) -> Result<Vec<Section>, Failure> {
    let section = match stage {
        Stage::Growth => growth::section(options)?,
        Stage::Churn => churn::section(options)?,
        Stage::Expiry => expiry::section(options)?,
        Stage::Generations => generations::section(options)?,
    };
    Ok(vec![section])
}
