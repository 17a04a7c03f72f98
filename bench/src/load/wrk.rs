//! The standard generator, for what it can do: saturate one server with requests of many sessions.

use std::fs;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use serde::Deserialize;

use crate::Failure;

use super::visitor::head;

const MISSING: &str = "`wrk` is not installed: `apt-get install wrk` (Debian, Ubuntu) or `brew install wrk` (macOS) \
    brings it; `scripts/bench` does it by itself";

/// Picks a session for every request, and says in JSON what it counted; `wrk` measures in microseconds.
const SCRIPT: &str = r#"
local requests, random = {}, math.random
math.randomseed(SEED)
for line in io.lines("COOKIES") do
  requests[#requests + 1] = "HEAD; " .. line .. "\r\n\r\n"
end
request = function() return requests[random(#requests)] end
done = function(summary, latency)
  local failed = summary.errors.connect + summary.errors.read + summary.errors.write
    + summary.errors.status + summary.errors.timeout
  io.write(string.format('\n{"requests":%d,"failed":%d,"micros":%d,"p50":%d,"p99":%d}\n',
    summary.requests, failed, summary.duration, latency:percentile(50), latency:percentile(99)))
end
"#;

/// What `wrk` counted. Latencies are microseconds.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Counted {
    requests: u64,
    pub(crate) failed: u64,
    micros: u64,
    pub(crate) p50: f64,
    pub(crate) p99: f64,
}

impl Counted {
    pub(crate) fn rate(&self) -> f64 {
        self.requests as f64 * 1e6 / self.micros as f64
    }
}

/// Its requests, in files that end with this value.
pub(crate) struct Script {
    _folder: tempfile::TempDir,
    file: PathBuf,
}

impl Script {
    /// Requests such as `GET /cart`, each with one of these cookies.
    pub(crate) fn new(line: &str, cookies: &[String], seed: u64) -> Result<Self, Failure> {
        let folder = tempfile::TempDir::with_prefix("cloakroom-bench-")?;
        let (file, list) = (folder.path().join("requests.lua"), folder.path().join("cookies"));
        fs::write(&list, cookies.join("\n"))?;
        let script = SCRIPT.replace("COOKIES", &list.display().to_string());
        let script = script.replace("HEAD", &head(line).replace("\r\n", "\\r\\n").replace('"', "\\\""));
        fs::write(&file, script.replace("SEED", &seed.to_string()))?;
        Ok(Self { _folder: folder, file })
    }

    /// One thread, as the load of the bench has; at least a second, which is the least that it can do.
    pub(crate) fn drive(&self, node: SocketAddr, clients: usize, time: Duration) -> Result<Counted, Failure> {
        let output = command(&self.file, node, clients, time).output().map_err(|error| match error.kind() {
            ErrorKind::NotFound => MISSING.into(),
            _ => Failure::from(format!("wrk: {error}")),
        })?;
        let said = String::from_utf8_lossy(&output.stdout);
        let counted = said.lines().rev().find(|line| line.starts_with('{'));
        let counted = counted.ok_or_else(|| format!("wrk: {}{said}", String::from_utf8_lossy(&output.stderr)))?;
        Ok(serde_json::from_str(counted)?)
    }
}

/// The first line that it says about itself.
pub(crate) fn version() -> Result<String, Failure> {
    let output = Command::new("wrk").arg("-v").output().map_err(|_| MISSING)?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(said.lines().next().unwrap_or_default().split(" [").next().unwrap_or_default().to_owned())
}

fn command(script: &Path, node: SocketAddr, clients: usize, time: Duration) -> Command {
    let mut command = Command::new("wrk");
    let seconds = time.as_secs().max(1);
    command.args(["-t1", &format!("-c{clients}"), &format!("-d{seconds}s"), "-s"]).arg(script);
    command.arg(format!("http://{node}/"));
    command
}
