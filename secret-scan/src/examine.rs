use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::needles::Needles;
use crate::scan::{Leak, leaks};

/// What was found in a folder.
#[derive(Debug, Default)]
pub struct Report {
    /// How many secrets of each kind were searched for.
    pub secrets: BTreeMap<String, usize>,
    /// The files that were searched.
    pub files: usize,
    /// The bytes that were searched.
    pub bytes: usize,
    /// Each leak, with the file that it is in.
    pub leaks: Vec<(PathBuf, Leak)>,
}

impl Report {
    /// Returns `true` if nothing was recorded or printed, so that the search proves nothing.
    #[must_use]
    pub fn proves_nothing(&self) -> bool {
        self.secrets.is_empty() || self.bytes == 0
    }
}

/// Searches the folder of a recorded run: the secrets are in its files `*.secrets`, and none of
/// them may be in any other file, in any spelling.
///
/// # Errors
/// If a file cannot be read.
pub fn examine(folder: &Path) -> io::Result<Report> {
    let files = fs::read_dir(folder)?.map(|file| Ok(file?.path())).collect::<io::Result<BTreeSet<_>>>()?;
    let (records, texts): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|path| path.extension() == Some(OsStr::new("secrets")));
    let records = records.iter().map(fs::read_to_string).collect::<io::Result<Vec<_>>>()?;
    let needles = Needles::of(&records);
    let mut report = Report { secrets: needles.kinds(), files: texts.len(), ..Report::default() };
    for path in texts {
        let text = fs::read(&path)?;
        report.bytes += text.len();
        report.leaks.extend(leaks(&text, &needles).into_iter().map(|leak| (path.clone(), leak)));
    }
    Ok(report)
}
