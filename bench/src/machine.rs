//! Where and when a run took place: figures mean nothing without it.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use serde::Serialize;

/// The machine, the versions and the date of a run. What cannot be found out is "unknown".
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    processor: String,
    cores: usize,
    memory_gib: u64,
    kernel: String,
    compiler: String,
    versions: String,
    profile: &'static str,
    date: String,
}

impl Machine {
    pub(crate) fn here() -> Self {
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib().unwrap_or(0).div_ceil(1024 * 1024),
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease")
                .map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            compiler: compiler().unwrap_or_else(unknown),
            versions: format!("cloakroom {}, axum 0.8, the system's allocator", env!("CARGO_PKG_VERSION")),
            profile: if cfg!(debug_assertions) { "debug (figures mean nothing)" } else { "release" },
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }

    /// One line for people.
    pub(crate) fn describe(&self) -> String {
        let Self { processor, cores, memory_gib, kernel, compiler, versions, profile, date } = self;
        format!(
            "{date} · {processor}, {cores} cores, {memory_gib} GiB · Linux {kernel} · {compiler}, {profile} · {versions}"
        )
    }
}

/// Why there is no figure on memory.
pub(crate) const NO_RESIDENT: &str = "/proc/self/status does not say `VmRSS`; measure memory on Linux";

/// Bytes of this process that are in memory, without what is merely reserved.
pub(crate) fn resident_bytes() -> Option<u64> {
    resident("self")
}

/// The same of another process.
pub(crate) fn resident_bytes_of(process: u32) -> Option<u64> {
    resident(&process.to_string())
}

fn resident(process: &str) -> Option<u64> {
    let text = field(&format!("/proc/{process}/status"), "VmRSS")?;
    text.strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn memory_kib() -> Option<u64> {
    field("/proc/meminfo", "MemTotal")?.strip_suffix(" kB")?.trim().parse().ok()
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = fs::read_to_string(file).ok()?;
    let value = |line: &str| Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim().to_owned());
    text.lines().find_map(value)
}

fn compiler() -> Option<String> {
    let output = Command::new("rustc").arg("--version").output().ok()?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}

fn unknown() -> String {
    "unknown".to_owned()
}
