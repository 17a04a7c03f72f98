//! The processes of a server. Each connection has one, in a session and process group of its own,
//! so that no signal reaches them all.

use crate::Error;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;

/// The state letters of `/proc` for processes that a SIGSTOP has stopped, and that have ended.
const STOPPED: &str = "T";
const ENDED: [&str; 2] = ["Z", "X"];

/// The children of a process that have not ended.
pub(super) fn children(parent: u32) -> Result<Vec<Pid>, Error> {
    let entries = fs::read_dir("/proc").map_err(Error::io("list the processes of the server"))?;
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let is_child = |pid: &Pid| {
        stat(*pid).is_some_and(|(state, found)| found == parent.to_string() && !ENDED.contains(&state.as_str()))
    };
    Ok(ids.filter_map(Pid::from_raw).filter(is_child).collect())
}

/// Sends a signal to each of the processes that has not ended.
pub(super) fn signal(processes: &[Pid], signal: Signal) {
    for process in processes {
        // One that has ended meanwhile needs no signal.
        let _ended_already = kill_process(*process, signal);
    }
}

pub(super) fn has_stopped_or_ended(process: Pid) -> bool {
    stat(process).is_none_or(|(state, _)| state == STOPPED || ENDED.contains(&state.as_str()))
}

pub(super) fn has_ended(process: Pid) -> bool {
    stat(process).is_none_or(|(state, _)| ENDED.contains(&state.as_str()))
}

/// The state of a process and the id of its parent. `None` if there is no such process.
fn stat(process: Pid) -> Option<(String, String)> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    // The name before the last parenthesis may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace().map(str::to_owned);
    Some((fields.next()?, fields.next()?))
}
