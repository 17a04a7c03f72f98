//! The machine, the versions and the date of a run, and the memory of a process.

use std::fs;
use std::process::Command;
use std::time::SystemTime;

use serde::Serialize;

use crate::Result;

/// The machine and the date of a run. What cannot be determined is "unknown".
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
    pub(crate) fn current() -> Self {
        let unknown = || "unknown".to_owned();
        let kernel = fs::read_to_string("/proc/sys/kernel/osrelease");
        let memory_kib = field("/proc/meminfo", "MemTotal").and_then(|text| kib(&text));
        Self {
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(unknown),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gib: memory_kib.unwrap_or(0).div_ceil(1024 * 1024),
            kernel: kernel.map_or_else(|_| unknown(), |text| text.trim().to_owned()),
            compiler: compiler().unwrap_or_else(unknown),
            versions: format!("cloakroom {}, axum 0.8, the system's allocator", env!("CARGO_PKG_VERSION")),
            profile: if cfg!(debug_assertions) { "debug (figures mean nothing)" } else { "release" },
            date: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        }
    }

    /// Returns everything in one line.
    pub(crate) fn describe(&self) -> String {
        let Self { processor, cores, memory_gib, kernel, compiler, versions, profile, date } = self;
        format!(
            "{date} · {processor}, {cores} cores, {memory_gib} GiB · Linux {kernel} · {compiler}, {profile} · {versions}"
        )
    }
}

/// Returns the resident memory of a process: its number, or `self`.
pub(crate) fn resident_bytes(process: &str) -> Result<u64> {
    let file = format!("/proc/{process}/status");
    let bytes = field(&file, "VmRSS").and_then(|text| kib(&text)).map(|kib| kib * 1024);
    bytes.ok_or_else(|| format!("{file} has no `VmRSS`; measure memory on Linux").into())
}

fn kib(text: &str) -> Option<u64> {
    text.strip_suffix(" kB")?.trim().parse().ok()
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
