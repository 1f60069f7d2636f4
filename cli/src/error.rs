use std::{io, path::PathBuf};

use desk_webhooks::store::{Kind, PublishError, StoreError, UserError};

use crate::tables;

/// Why a command did not do what it was asked. Each is one line for a person.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store did not do it.
    #[error("{error}{}", hint(error))]
    Store {
        /// What happened.
        error: StoreError,
    },
    /// Standard output cannot be written.
    #[error("cannot write to standard output: {0}")]
    Output(io::Error),
    /// The same, after a change.
    #[error("{change}, but cannot write to standard output: {error}")]
    OutputOfChange {
        /// The change, as a sentence.
        change: &'static str,
        /// Why.
        error: io::Error,
    },
    /// Ctrl-C, or another signal that ends a program.
    #[error("interrupted")]
    Interrupted {
        /// Its number.
        signal: u8,
    },
    /// Anything else, said in full.
    #[error("{0}")]
    Said(String),
    /// What is wrong was said already.
    #[error("see above")]
    Reported,
}

impl CliError {
    /// An error that is said in full.
    pub(crate) fn said(message: impl Into<String>) -> Self {
        Self::Said(message.into())
    }
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        Self::Store { error }
    }
}

impl From<PublishError> for CliError {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::Store(error) => Self::Store { error },
            error => Self::Said(error.to_string()),
        }
    }
}

impl From<UserError> for CliError {
    fn from(error: UserError) -> Self {
        match error {
            UserError::Store(error) => Self::Store { error },
            error => Self::Said(error.to_string()),
        }
    }
}

/// The place that the error is about, and what to do.
fn hint(error: &StoreError) -> String {
    let place = tables::place().map(|place| format!("; {place}")).unwrap_or_default();
    match error.kind {
        Kind::NoTable => format!("{place}; check --stack, RULES_TABLE and SESSIONS_TABLE, and the region"),
        Kind::Unavailable => {
            tables::place().map(|place| format!("; {}", place.unavailable())).unwrap_or_default()
        }
        Kind::Busy => String::new(),
        Kind::Refused(_) => format!("{place}; check the credentials (AWS_PROFILE) and what they may do"),
        Kind::Unreadable(_) => format!("{place}; a newer version of this command may have written it"),
    }
}
