//! `tower-sessions` over SQL: a program of its own, in `bench/sqlx-peer`, which says why.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::Result;
use crate::args::Options;
use crate::report::start_step;

const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/sqlx-peer/Cargo.toml");
const NAME: &str = "cloakroom-bench-sqlx-peer";

static PROGRAM: OnceLock<PathBuf> = OnceLock::new();

/// Builds the program in the target folder of this one.
pub(super) fn build(options: &Options) -> Result<()> {
    start_step("building tower-sessions over SQL");
    let this = env::current_exe()?;
    let target = this.ancestors().nth(2).ok_or("this program is in no target folder")?;
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--locked", "--manifest-path", MANIFEST, "--target-dir"]).arg(target);
    let folder = if options.smoke { "debug" } else { "release" };
    if !options.smoke {
        cargo.arg("--release");
    }
    match cargo.status() {
        Ok(status) if status.success() => {
            PROGRAM.get_or_init(|| target.join(folder).join(NAME));
            Ok(())
        }
        Ok(status) => Err(format!("{MANIFEST} cannot be built: {status}").into()),
        Err(error) => Err(format!("{MANIFEST} cannot be built: {error}").into()),
    }
}

/// Returns the path of the program after [`build`].
pub(super) fn program() -> Result<&'static Path> {
    PROGRAM.get().map(PathBuf::as_path).ok_or_else(|| format!("{NAME} was not built").into())
}
