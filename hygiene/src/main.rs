//! Looks for the secrets of the test suite in everything that it printed (R55).
//!
//! `scripts/test hygiene` runs the suite with `CLOAKROOM_WITNESS=<folder>` and all it prints in that folder, then this.
//! In `*.secrets` stand the secrets that its processes made; every other file is text in which none of them may
//! be found, in whatever spelling.

#![allow(clippy::print_stdout, reason = "what it found is what it is for")]

mod needles;
mod scan;
mod spellings;

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use needles::Needles;

/// How many leaks are shown of one file; more of them rarely say more.
const SHOWN: usize = 20;

fn main() -> ExitCode {
    let Some(folder) = std::env::args_os().nth(1) else {
        eprintln!("Usage: cloakroom-hygiene FOLDER    (what a run with CLOAKROOM_WITNESS=FOLDER has left there)");
        return ExitCode::from(2);
    };
    match examine(Path::new(&folder)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{}: {error}", folder.display());
            ExitCode::from(2)
        }
    }
}

/// Whether nothing was found.
fn examine(folder: &Path) -> std::io::Result<bool> {
    let mut needles = Needles::default();
    let mut texts = Vec::new();
    for file in fs::read_dir(folder)? {
        let path = file?.path();
        if path.extension() == Some(OsStr::new("secrets")) {
            needles.read(&fs::read_to_string(&path)?);
        } else {
            texts.push(path);
        }
    }
    texts.sort();
    let mut bytes = 0;
    let mut clean = true;
    for path in &texts {
        let text = fs::read(path)?;
        bytes += text.len();
        clean &= report(path, &text, &needles);
    }
    println!(
        "{} secrets ({}) were looked for in {bytes} bytes of {} files",
        needles.len(),
        needles.kinds(),
        texts.len()
    );
    if needles.len() == 0 || bytes == 0 {
        println!("which says nothing: the suite did not run, or not with CLOAKROOM_WITNESS");
        return Ok(false);
    }
    Ok(clean)
}

fn report(path: &Path, text: &[u8], needles: &Needles) -> bool {
    let leaks = scan::leaks(text, needles);
    for leak in leaks.iter().take(SHOWN) {
        println!("{}: a {} {}: {}", path.display(), leak.what, leak.spelling, excerpt(&leak.around));
    }
    if leaks.len() > SHOWN {
        println!("{}: and {} more", path.display(), leaks.len() - SHOWN);
    }
    leaks.is_empty()
}

fn excerpt(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}
