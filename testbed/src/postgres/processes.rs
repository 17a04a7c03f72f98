//! The processes of a server. Each connection has one, in a session and process group of its own,
//! so that no signal reaches them all.

use crate::Error;
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, time::Duration};

/// The state letters of `/proc` for processes that a SIGSTOP has stopped, and that have ended.
const STOPPED: &str = "T";
const ENDED: [&str; 2] = ["Z", "X"];

/// The unit of times in `/proc/*/stat`, which is the same on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// The children of a process that have not ended.
pub(super) fn children(parent: u32) -> Result<Vec<Pid>, Error> {
    let entries = fs::read_dir("/proc").map_err(Error::io("list the processes of the server"))?;
    let ids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok());
    let is_child =
        |pid: &Pid| stat(*pid).is_some_and(|stat| stat.parent == parent && !ENDED.contains(&stat.state.as_str()));
    Ok(ids.filter_map(Pid::from_raw).filter(is_child).collect())
}

/// Sends a signal to each of the processes that has not ended.
pub(super) fn signal(processes: &[Pid], signal: Signal) {
    for process in processes {
        // One that has ended meanwhile needs no signal.
        let _ended_already = kill_process(*process, signal);
    }
}

/// The time for which processors have worked for a process and its children.
pub(super) fn processor_time(parent: u32) -> Result<Duration, Error> {
    let living = children(parent)?.into_iter().map(Pid::as_raw_nonzero).map(|child| child.to_string());
    let mut total = own_time(&parent.to_string())?;
    // A child that has ended since they were listed is among those that have ended.
    total += living.filter_map(|child| own_time(&child).ok()).sum::<Duration>();
    let ended = i32::try_from(parent).ok().and_then(Pid::from_raw).and_then(stat).map(|stat| stat.ended_children);
    Ok(total + ended.unwrap_or_default())
}

fn own_time(process: &str) -> Result<Duration, Error> {
    let text = fs::read_to_string(format!("/proc/{process}/schedstat")).map_err(Error::io("read a processor time"))?;
    let nanos = text.split_ascii_whitespace().next().and_then(|nanos| nanos.parse().ok());
    nanos.map(Duration::from_nanos).ok_or_else(|| Error::unexpected(format!("no processor time: {text:?}")))
}

pub(super) fn has_stopped_or_ended(process: Pid) -> bool {
    stat(process).is_none_or(|stat| stat.state == STOPPED || ENDED.contains(&stat.state.as_str()))
}

pub(super) fn has_ended(process: Pid) -> bool {
    stat(process).is_none_or(|stat| ENDED.contains(&stat.state.as_str()))
}

struct Stat {
    state: String,
    parent: u32,
    /// The processor time of the children that have ended.
    ended_children: Duration,
}

/// `None` if there is no such process.
fn stat(process: Pid) -> Option<Stat> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero())).ok()?;
    // The name before the last parenthesis may contain anything.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<_> = fields.split_ascii_whitespace().collect();
    let number = |place: usize| fields.get(place)?.parse::<u32>().ok();
    let ended_children = TICK * (number(13)? + number(14)?);
    Some(Stat { state: (*fields.first()?).to_owned(), parent: number(1)?, ended_children })
}
