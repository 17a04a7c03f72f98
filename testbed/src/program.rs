//! Finds the server programs and builds the commands that start them.

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
    (macOS) installs it; CLOAKROOM_TESTBED_SERVER selects another program";

const POSTGRES_VARIABLE: &str = "CLOAKROOM_TESTBED_POSTGRES";
const POSTGRES_REMEDY: &str = "`apt-get install postgresql` (Debian, Ubuntu) or `brew install postgresql` (macOS) installs \
    it; CLOAKROOM_TESTBED_POSTGRES selects the directory of its programs";
const PROMETHEUS: &str = "prometheus";
const PROMETHEUS_REMEDY: &str =
    "`apt-get install prometheus` (Debian, Ubuntu) or `brew install prometheus` (macOS) installs it";
const PGBOUNCER: &str = "pgbouncer";
const PGBOUNCER_REMEDY: &str =
    "`apt-get install pgbouncer` (Debian, Ubuntu) or `brew install pgbouncer` (macOS) installs it";
/// The directory in which Debian installs programs of the administrator, which may not be on the
/// `PATH`.
const ADMINISTRATOR: &str = "/usr/sbin";
/// The directory in which Debian keeps one directory per PostgreSQL version.
const POSTGRES_VERSIONS: &str = "/usr/lib/postgresql";
/// The directory in which `scripts/provide` installs programs.
const PROVIDED: &str = "servers";

/// The path of `setpriv`, with which Linux ends the child when its parent ends, even by SIGKILL.
///
/// It does so without code between fork and exec. An old or a minimal `setpriv` lacks the option,
/// so it is tried once.
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

/// The command that starts a server, without arguments: `program`, or the default one.
pub(crate) fn server(program: Option<&Path>) -> Result<Command, Error> {
    let program = match program {
        Some(path) => path.display().to_string(),
        None => env::var(SERVER_VARIABLE).unwrap_or_else(|_| DEFAULT_SERVER.to_owned()),
    };
    // Looked up here because behind `setpriv` a missing program is only an exit code.
    let Some(path) = find(&program) else { return Err(Error::NotInstalled { program, remedy: SERVER_REMEDY }) };
    let Some(setpriv) = SETPRIV.as_ref() else { return Ok(Command::new(path)) };
    let mut command = Command::new(setpriv);
    command.args(["--pdeathsig", "KILL"]).arg(path);
    Ok(command)
}

/// Finds a server program that `scripts/provide` installed, such as `redis-6.2.14/redis-server`.
///
/// # Errors
///
/// [`Error::NotProvided`] if it is not installed.
pub fn provided_program(name: &str) -> Result<PathBuf, Error> {
    // The running program is in `<target>/<profile>/deps`, whatever the target folder is called.
    let target = env::current_exe().ok().and_then(|path| Some(path.ancestors().nth(3)?.to_owned()));
    let path = target.map(|target| target.join(PROVIDED).join(name)).filter(|path| path.is_file());
    path.ok_or_else(|| Error::NotProvided { program: name.to_owned() })
}

/// The command that starts a PostgreSQL program, as another user if one is given.
///
/// The program receives `last_signal` when this process ends.
pub(crate) fn postgres(name: &str, user: Option<&str>, last_signal: &str) -> Result<Command, Error> {
    as_user(name, postgres_program(name), user, last_signal, POSTGRES_REMEDY)
}

/// The command that starts a PgBouncer, as another user if one is given.
pub(crate) fn pgbouncer(user: Option<&str>) -> Result<Command, Error> {
    let path = find(PGBOUNCER).or_else(|| find(&format!("{ADMINISTRATOR}/{PGBOUNCER}")));
    as_user(PGBOUNCER, path, user, "KILL", PGBOUNCER_REMEDY)
}

/// The command that starts a Prometheus, without arguments.
pub(crate) fn prometheus() -> Result<Command, Error> {
    as_user(PROMETHEUS, find(PROMETHEUS), None, "KILL", PROMETHEUS_REMEDY)
}

fn as_user(
    name: &str,
    path: Option<PathBuf>,
    user: Option<&str>,
    last_signal: &str,
    remedy: &'static str,
) -> Result<Command, Error> {
    let missing = |program: &str| Error::NotInstalled { program: program.to_owned(), remedy };
    let path = path.ok_or_else(|| missing(name))?;
    let Some(setpriv) = SETPRIV.as_ref() else {
        // Without `setpriv` the program cannot run as another user either.
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

/// The user id and group id of a system user.
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
