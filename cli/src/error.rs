use std::{io, path::PathBuf};

use desk_webhooks::store::{Kind, PublishError, StoreError, UserError};

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

/// What to do about it.
fn hint(error: &StoreError) -> &'static str {
    match error.kind {
        Kind::NoTable => "; check --stack, RULES_TABLE and SESSIONS_TABLE, and the region",
        Kind::Unavailable => {
            "; without --stack or RULES_TABLE the local tables are meant: start them with `desk dynamodb` or `make run`"
        }
        Kind::Refused(_) => "; check the credentials (AWS_PROFILE) and what they may do",
        Kind::Unreadable(_) => "; it may have been written by a newer version of this command",
    }
}
