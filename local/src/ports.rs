//! The program that listens on a port.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// The name and the process id of the program that listens on a TCP port of this machine. `None`: another user's, or a
/// system without `/proc`.
pub(crate) fn listener(port: u16) -> Option<String> {
    let tables =
        ["/proc/net/tcp", "/proc/net/tcp6"].map(|table| fs::read_to_string(table).unwrap_or_default());
    let sockets: Vec<_> =
        tables.iter().flat_map(|table| table.lines()).filter_map(|line| socket(line, port)).collect();
    let processes = fs::read_dir("/proc").ok()?.flatten().map(|entry| entry.path());
    let process = processes.into_iter().find(|process| {
        let handles = fs::read_dir(process.join("fd")).into_iter().flatten().flatten();
        let mut targets = handles.filter_map(|handle| fs::read_link(handle.path()).ok());
        targets.any(|target| sockets.contains(&target))
    })?;
    let name = fs::read_to_string(process.join("comm")).ok()?;
    let id = process.file_name().unwrap_or_default().to_string_lossy().into_owned();
    Some(format!("{} (process {id})", name.trim()))
}

/// Returns the socket of a line of `/proc/net/tcp`, as `/proc/PID/fd` names it, if it listens on this port.
fn socket(line: &str, port: u16) -> Option<PathBuf> {
    const LISTENING: &str = "0A";
    let fields: Vec<_> = line.split_whitespace().collect();
    let (local, state, inode) = (fields.get(1)?, fields.get(3)?, fields.get(9)?);
    let found = *state == LISTENING && local.ends_with(&format!(":{port:04X}"));
    found.then(|| Path::new(&format!("socket:[{inode}]")).to_owned())
}
