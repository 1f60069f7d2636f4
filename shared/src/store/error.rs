use std::error::Error;

use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// An AWS service did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("{operation} failed: {kind}")]
pub struct StoreError {
    /// What was tried, such as `PutItem` or `SendMessage`.
    pub operation: &'static str,
    /// What kind of failure it is.
    pub kind: Kind,
    /// The SDK's own word, for whoever debugs.
    #[source]
    pub source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// What was asked did not come back within its share of the budget.
    pub fn late(operation: &'static str) -> Self {
        Self { operation, kind: Kind::Unavailable, source: None }
    }
}

/// What kind of failure a [`StoreError`] is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Kind {
    /// Nothing answered in time, or what answered was a fault of the service.
    #[error("the service cannot be reached or does not answer in time")]
    Unavailable,
    /// There is no such table.
    #[error("the table does not exist in this account and region")]
    NoTable,
    /// Other writers kept changing the same item.
    #[error("other writers kept changing the item; try again")]
    Busy,
    /// The service refused, and would again; the error's code as the service calls it.
    #[error("the service refused the request: {0}")]
    Refused(String),
    /// What is stored is not what this version can read.
    #[error("a stored item cannot be read: {0}")]
    Unreadable(String),
}

impl StoreError {
    pub(super) fn of<E, R>(operation: &'static str, error: SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + Error + Send + Sync + 'static,
        R: std::fmt::Debug + Send + Sync + 'static,
    {
        let kind = match error.as_service_error().and_then(ProvideErrorMetadata::code) {
            Some("ResourceNotFoundException") => Kind::NoTable,
            Some(
                "ProvisionedThroughputExceededException" | "ThrottlingException" | "InternalServerError",
            )
            | None => Kind::Unavailable,
            Some(code) => Kind::Refused(code.to_owned()),
        };
        Self { operation, kind, source: Some(Box::new(error)) }
    }

    pub(super) fn unreadable(operation: &'static str, what: impl Into<String>) -> Self {
        Self { operation, kind: Kind::Unreadable(what.into()), source: None }
    }
}
