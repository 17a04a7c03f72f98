use std::fs;
use std::path::Path;

use serde::Deserialize;

use crate::Failure;

use super::Report;
use super::section::{Chapter, Section};

/// What a part that ran in a process of its own found.
#[derive(Deserialize)]
struct Part {
    chapters: Vec<Chapter>,
}

pub(crate) fn write(report: &Report, file: &Path) -> Result<(), Failure> {
    let text = serde_json::to_vec_pretty(report)?;
    fs::write(file, text).map_err(|error| format!("--json {}: {error}", file.display()).into())
}

pub(crate) fn read(file: &Path) -> Result<Vec<Section>, Failure> {
    let part: Part = serde_json::from_slice(&fs::read(file)?)?;
    Ok(part.chapters.into_iter().flat_map(|chapter| chapter.sections).collect())
}
