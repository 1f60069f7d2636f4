//! DynamoDB, SQS and SSM: the only module that knows the AWS SDK.
//!
//! A function names what it may do by the traits of [`ports`]; [`Store`] can do all of it, and the
//! policy in the template grants what the function's traits need. What the `desk` command does
//! beyond that are plain methods.

mod client;
mod decisions;
mod erasure;
mod error;
mod events;
mod items;
mod pages;
mod parameters;
pub mod ports;
mod questions;
mod reading;
mod rules;
mod spill;
mod summaries;
mod timeline;
mod users;

pub use client::{Access, Endpoints, Limits, from_env, http_client};
pub use erasure::Receipt;
pub use error::{Kind, StoreError};
pub use pages::{Order, SessionPlace, Sessions, Shelf};
pub use parameters::Parameters;
pub use reading::{Moment, QuarantineEntries, Quarantined, SessionRow, Story};
pub use rules::{ActiveRules, ActiveVersion, InForce, Mover, Publication, PublishError, RulesVersion, fits};
pub use spill::{Note, NoteError, SpillQueue};
pub use users::{StoredAttributes, UserChange, UserError};

use std::time::Duration;

use aws_sdk_dynamodb::Client;

use crate::config::Tables;

/// The two tables.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    rules_table: String,
    sessions_table: String,
    retention: Option<Duration>,
}

impl Store {
    /// The tables as seen by this client.
    pub fn new(client: Client, tables: Tables) -> Self {
        let Tables { rules, sessions, retention } = tables;
        Self { client, rules_table: rules, sessions_table: sessions, retention }
    }

    /// The same tables, in which what is written may be forgotten after this time.
    #[must_use]
    pub fn forgetting_after(&self, retention: Option<Duration>) -> Self {
        Self { retention, ..self.clone() }
    }

    /// When something received now may be forgotten, in seconds since the epoch.
    fn expires_at(&self, received_at_ms: u64) -> Option<u64> {
        self.retention.map(|retention| received_at_ms / 1000 + retention.as_secs())
    }
}
