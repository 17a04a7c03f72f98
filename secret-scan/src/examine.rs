use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::needles::Needles;
use crate::scan::{Leak, leaks};

/// The result of a search.
#[derive(Debug, Default)]
pub struct Report {
    /// The number of secrets of each kind.
    pub secrets: BTreeMap<String, usize>,
    /// The number of files that were searched.
    pub files: usize,
    /// The number of bytes that were searched.
    pub bytes: usize,
    /// The leaks, each with the file that contains it.
    pub leaks: Vec<(PathBuf, Leak)>,
}

impl Report {
    /// Returns `true` if nothing was recorded or printed, so that the search proves nothing.
    #[must_use]
    pub fn proves_nothing(&self) -> bool {
        self.secrets.is_empty() || self.bytes == 0
    }
}

/// Searches the folder of a recorded run.
///
/// Its files `*.secrets` list the secrets, none of which may be in any other file, in any encoding.
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
