//! Standard output in whole lines, for output that can go on behind any of them.

use std::{
    fs::File,
    io::{self, ErrorKind, IsTerminal, Seek, SeekFrom, Write},
    os::fd::AsFd,
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
    is_incomplete: bool,
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
        Ok(Self { out, is_terminal, is_file, written_bytes: 0, is_incomplete: false })
    }

    /// Writes a value as JSON. A terminal gets it escaped.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let line = one_line(value)?;
        self.write(if self.is_terminal { escaped_json(&line) } else { line })
    }

    /// Writes a record of CSV. A terminal gets it escaped.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn csv(&mut self, record: &str) -> Result<(), CliError> {
        self.write(if self.is_terminal { escaped(record) } else { record.to_owned() })
    }

    fn write(&mut self, mut line: String) -> Result<(), CliError> {
        line.push('\n');
        let mut rest = line.as_bytes();
        while !rest.is_empty() {
            match self.out.write(rest) {
                Ok(0) => return Err(self.failed(line.len() - rest.len(), ErrorKind::WriteZero.into())),
                Ok(bytes) => {
                    rest = &rest[bytes..];
                    self.written_bytes += bytes as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed(line.len() - rest.len(), error)),
            }
        }
        Ok(())
    }

    fn failed(&mut self, bytes_of_line: usize, error: io::Error) -> CliError {
        let removed = bytes_of_line == 0 || (self.is_file && self.remove(bytes_of_line as u64).is_ok());
        self.is_incomplete = !removed;
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

    /// True if the output ends with a part of a line.
    pub(crate) fn is_incomplete(&self) -> bool {
        self.is_incomplete
    }
}
