//! Where the programs are, and how one is started.

use crate::Error;
use std::{
    env,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

const DEFAULT_SERVER: &str = "redis-server";
const SERVER_VARIABLE: &str = "CLOAKROOM_TESTBED_SERVER";
/// Where `scripts/servers` puts what it brings.
const BROUGHT: &str = "servers";

/// Linux ends the child when its parent ends, even by SIGKILL; `setpriv` asks for that without
/// code between fork and exec. An old or a small `setpriv` lacks the option, so it is tried once.
static SETPRIV: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let path = find("setpriv")?;
    let works = Command::new(&path)
        .args(["--pdeathsig", "KILL", "true"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    works.then_some(path)
});

/// The command that starts a server, this program or the usual one, still without arguments.
pub(crate) fn server(program: Option<&Path>) -> Result<Command, Error> {
    let program = match program {
        Some(path) => path.display().to_string(),
        None => env::var(SERVER_VARIABLE).unwrap_or_else(|_| DEFAULT_SERVER.to_owned()),
    };
    // Looked up here: behind `setpriv` a missing program is only an exit code.
    let Some(path) = find(&program) else { return Err(Error::NotInstalled { program }) };
    let Some(setpriv) = SETPRIV.as_ref() else { return Ok(Command::new(path)) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL"]).arg(path);
    Ok(command)
}

/// A server program that `scripts/servers` brought, such as `redis-6.2.14/redis-server`.
///
/// # Errors
///
/// [`Error::NotBrought`] where it did not.
pub fn brought(name: &str) -> Result<PathBuf, Error> {
    // This program is in `<target>/<profile>/deps`, whatever the target folder is.
    let target = env::current_exe().ok().and_then(|path| Some(path.ancestors().nth(3)?.to_owned()));
    let path = target.map(|target| target.join(BROUGHT).join(name)).filter(|path| path.is_file());
    path.ok_or_else(|| Error::NotBrought { program: name.to_owned() })
}

fn find(program: &str) -> Option<PathBuf> {
    if program.contains('/') {
        return Path::new(program).canonicalize().ok().filter(|path| path.is_file());
    }
    search(program, &env::var_os("PATH")?)
}

fn search(program: &str, path: &OsStr) -> Option<PathBuf> {
    env::split_paths(path).map(|directory| directory.join(program)).find(|candidate| candidate.is_file())
}
