//! What `/proc` tells of a function's process, and how it is frozen.

use std::{fs, io, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

/// The memory of a function's process, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// What it holds now.
    pub resident: u64,
    /// The most it held.
    pub peak: u64,
}

/// The memory of a process.
pub(super) fn memory_of(pid: u32) -> io::Result<Memory> {
    memory(&fs::read_to_string(format!("/proc/{pid}/status"))?)
}

pub(super) fn memory(status: &str) -> io::Result<Memory> {
    let field = |name: &str| {
        let kilobytes = status.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB"));
        let missing = || io::Error::other(format!("there is no {name} in it (has the process ended?)"));
        kilobytes
            .and_then(|number| number.parse::<u64>().ok())
            .map(|number| number * 1024)
            .ok_or_else(missing)
    };
    Ok(Memory { resident: field("VmRSS:")?, peak: field("VmHWM:")? })
}

/// What all threads of a process together have had of a processor. In nanoseconds: the ticks of `stat` are
/// 10 ms, a hundred answers.
///
/// # Errors
/// There is no such process, or no `/proc`.
pub fn cpu_of(pid: u32) -> io::Result<Duration> {
    let mut total = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        let line = fs::read_to_string(thread?.path().join("schedstat"))?;
        let nanoseconds = line.split(' ').next().and_then(|number| number.parse::<u64>().ok());
        total += nanoseconds.ok_or_else(|| io::Error::other("schedstat holds no number"))?;
    }
    Ok(Duration::from_nanos(total))
}

/// Stops a process where it is, as Lambda does between invocations.
pub(super) fn freeze(pid: u32) -> io::Result<()> {
    signal(pid, Signal::STOP)
}

/// Lets it go on.
pub(super) fn thaw(pid: u32) -> io::Result<()> {
    signal(pid, Signal::CONT)
}

fn signal(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::NotFound)?;
    Ok(kill_process(pid, signal)?)
}
