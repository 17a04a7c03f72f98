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
const SERVER_REMEDY: &str = "`apt-get install redis-server redis-sentinel` (Debian, Ubuntu) or `brew install redis` \
    (macOS) brings it; CLOAKROOM_TESTBED_SERVER names another program";

const POSTGRES_VARIABLE: &str = "CLOAKROOM_TESTBED_POSTGRES";
const POSTGRES_REMEDY: &str = "`apt-get install postgresql` (Debian, Ubuntu) or `brew install postgresql` (macOS) brings \
    it; CLOAKROOM_TESTBED_POSTGRES names the directory of its programs";
/// Where Debian keeps the programs of every version, in a directory each.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";
/// Where `scripts/provide` puts what it brings.
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
    let Some(path) = find(&program) else { return Err(Error::NotInstalled { program, remedy: SERVER_REMEDY }) };
    let Some(setpriv) = SETPRIV.as_ref() else { return Ok(Command::new(path)) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL"]).arg(path);
    Ok(command)
}

/// A server program that `scripts/provide` brought, such as `redis-6.2.14/redis-server`.
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

/// The command that starts a program of PostgreSQL, as another user if need be. `last_signal` is what it
/// gets when this process ends.
pub(crate) fn postgres(name: &str, user: Option<&str>, last_signal: &str) -> Result<Command, Error> {
    let missing = |program: &str| Error::NotInstalled { program: program.to_owned(), remedy: POSTGRES_REMEDY };
    let path = postgres_program(name).ok_or_else(|| missing(name))?;
    let Some(setpriv) = SETPRIV.as_ref() else {
        // Without it this cannot become another user either.
        return if user.is_some() { Err(missing("setpriv")) } else { Ok(Command::new(path)) };
    };
    let mut command = Command::new(setpriv);
    if let Some(user) = user {
        command.args(["--reuid", user, "--regid", user, "--clear-groups"]);
    }
    command.args(["--pdeathsig", last_signal]).arg(path);
    Ok(command)
}

fn postgres_program(name: &str) -> Option<PathBuf> {
    if let Some(directory) = env::var_os(POSTGRES_VARIABLE) {
        return find(&Path::new(&directory).join(name).display().to_string());
    }
    let newest = || {
        let versions = std::fs::read_dir(POSTGRES_VERSIONS).ok()?.filter_map(Result::ok);
        let version = |path: &PathBuf| path.file_name()?.to_str()?.parse::<u32>().ok();
        let newest = versions.map(|entry| entry.path()).max_by_key(version)?;
        Some(newest.join("bin").join(name)).filter(|path| path.is_file())
    };
    find(name).or_else(newest)
}

/// The numbers of a user of this system and of its group.
pub(crate) fn user(name: &str) -> Result<(u32, u32), Error> {
    let users = std::fs::read_to_string("/etc/passwd").map_err(Error::io("read the users of the system"))?;
    let fields = users.lines().map(|line| line.split(':').collect::<Vec<_>>());
    let found = fields.filter(|fields| fields[0] == name).find_map(|fields| {
        let number = |index: usize| fields.get(index)?.parse().ok();
        Some((number(2)?, number(3)?))
    });
    found.ok_or_else(|| Error::NotInstalled { program: format!("the user {name}"), remedy: POSTGRES_REMEDY })
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
