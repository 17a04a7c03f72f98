use std::fs;
use std::time::Duration;

use crate::Result;

/// Returns the processor time that a process has used so far.
pub(crate) fn processor_time(process: u32) -> Result<Duration> {
    // The times in `stat` count hundredths of a second.
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{process}/task"))? {
        let times = fs::read_to_string(thread?.path().join("schedstat"))?;
        nanos += times.split(' ').next().unwrap_or_default().parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}
