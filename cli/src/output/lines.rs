//! Standard output in whole lines, for output that can go on behind any of them.

use std::{
    fs::File,
    io::{self, ErrorKind, IsTerminal, Seek, SeekFrom, Write},
    os::fd::AsFd,
    time::Duration,
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    pipe::PIPE_BUF,
};
use serde::Serialize;

use super::{escaped, escaped_json, one_line};
use crate::error::CliError;

/// Standard output as lines. A line that cannot be written whole is removed from a file again.
pub(crate) struct Lines {
    out: File,
    is_terminal: bool,
    is_file: bool,
    written_bytes: u64,
    /// The bytes at the end of the output that are the beginning of a line.
    partial_bytes: u64,
}

impl Lines {
    /// Standard output.
    ///
    /// # Errors
    /// There is none.
    pub(crate) fn to_standard_output() -> Result<Self, CliError> {
        let stdout = io::stdout();
        let out = File::from(stdout.as_fd().try_clone_to_owned().map_err(CliError::Output)?);
        let is_file = out.metadata().is_ok_and(|metadata| metadata.is_file());
        let is_terminal = stdout.is_terminal();
        Ok(Self { out, is_terminal, is_file, written_bytes: 0, partial_bytes: 0 })
    }

    /// Writes a value as JSON. A terminal gets it escaped.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) async fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let line = one_line(value)?;
        self.write(if self.is_terminal { escaped_json(&line) } else { line }).await
    }

    /// Writes a record of CSV. A terminal gets it escaped.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) async fn csv(&mut self, record: &str) -> Result<(), CliError> {
        self.write(if self.is_terminal { escaped(record) } else { record.to_owned() }).await
    }

    /// Can be dropped while it waits: the fields say how far it came.
    async fn write(&mut self, mut line: String) -> Result<(), CliError> {
        line.push('\n');
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match self.write_part(rest).await {
                Ok(0) => return Err(self.failed(ErrorKind::WriteZero.into())),
                Ok(bytes) => {
                    rest = &rest[bytes..];
                    self.written_bytes += bytes as u64;
                    self.partial_bytes += bytes as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(error)),
            }
        }
        self.partial_bytes = 0;
        Ok(())
    }

    /// Writes as much as is accepted without blocking the thread: a pipe that is ready takes `PIPE_BUF` bytes.
    async fn write_part(&mut self, bytes: &[u8]) -> io::Result<usize> {
        const PAUSE: Duration = Duration::from_millis(5);
        if self.is_file {
            return self.out.write(bytes);
        }
        while poll(&mut [PollFd::new(&self.out, PollFlags::OUT)], Some(&Timespec::default()))? == 0 {
            tokio::time::sleep(PAUSE).await;
        }
        self.out.write(&bytes[..bytes.len().min(PIPE_BUF)])
    }

    fn failed(&mut self, error: io::Error) -> CliError {
        if self.is_file && self.remove(self.partial_bytes).is_ok() {
            self.partial_bytes = 0;
        }
        CliError::Output(error)
    }

    fn remove(&mut self, bytes: u64) -> io::Result<()> {
        let end = self.out.stream_position()?.saturating_sub(bytes);
        self.out.set_len(end)?;
        self.out.seek(SeekFrom::Start(end)).map(drop)
    }

    /// The bytes that were written, the beginning of a line that failed included.
    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    /// The bytes that the reader of a pipe has read.
    pub(crate) fn read_bytes(&self) -> u64 {
        let unread = rustix::io::ioctl_fionread(&self.out).unwrap_or_default();
        self.written_bytes.saturating_sub(unread)
    }

    /// True if the output is a file that ends with a whole line. It is not known what the reader of anything
    /// else keeps.
    pub(crate) fn is_whole_file(&self) -> bool {
        self.is_file && self.partial_bytes == 0
    }
}
