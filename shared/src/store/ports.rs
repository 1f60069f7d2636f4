//! What a function may ask of the store, one trait per need.
//!
//! A handler names the traits it uses, so that its code shows what its policy must grant, and a
//! test can hand in something else.

use std::future::Future;

use secrecy::SecretString;

use super::{ActiveRules, ActiveVersion, StoreError};
use crate::{
    protocol::{AppId, EventTime, MemberEvent, SessionEvent},
    routing::{Attributes, DecisionRecord, Profile, RecordedAnswer, Timeline},
    session::{ProfileChange, Summary},
    webhook::Callback,
};

/// Finds the ruleset that is in force. `dynamodb:GetItem` on the rules table.
pub trait FindRules {
    /// The version that the pointer names; `None` when nothing was ever published.
    fn active_version(&self, app: AppId) -> impl Future<Output = Result<Option<ActiveVersion>, StoreError>>;

    /// One version's checked form.
    fn rules(&self, app: AppId, version: u64) -> impl Future<Output = Result<ActiveRules, StoreError>>;
}

/// Reads what is known of a session and its user. `dynamodb:Query` and `dynamodb:GetItem`.
///
/// What is not there reads as empty: it is known that there is nothing.
pub trait ReadFacts {
    /// The newest part of a session's story as it was when it was asked.
    fn timeline(
        &self,
        app: AppId,
        session_id: &str,
        asked_at: EventTime,
    ) -> impl Future<Output = Result<Timeline, StoreError>>;

    /// What sessions say of a user.
    fn profile(&self, app: AppId, user_id: &str) -> impl Future<Output = Result<Profile, StoreError>>;

    /// What the business says of a user.
    fn attributes(&self, app: AppId, user_id: &str) -> impl Future<Output = Result<Attributes, StoreError>>;
}

/// Where a recorded question stands.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The app.
    pub app: AppId,
    /// The session that asked.
    pub session_id: &'a str,
    /// The user who asked.
    pub user_id: &'a str,
    /// When.
    pub at: EventTime,
}

/// Keeps decisions. `dynamodb:PutItem` and `dynamodb:GetItem` on the sessions table.
pub trait RecordDecision {
    /// Records a decision, unless this question has one already: then its answer comes back. No fact is read
    /// for that.
    fn record(
        &self,
        asked: Asked<'_>,
        record: &DecisionRecord,
        received_at_ms: u64,
    ) -> impl Future<Output = Result<Option<RecordedAnswer>, StoreError>>;

    /// The answer that is recorded for a question; `None` if there is none.
    fn recorded(&self, asked: Asked<'_>) -> impl Future<Output = Result<Option<RecordedAnswer>, StoreError>>;
}

/// What a callback is kept with.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// The app.
    pub app: AppId,
    /// The body as received.
    pub body: &'a [u8],
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
}

/// What became of something that was to be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is kept.
    New,
    /// It was kept before.
    Again,
    /// Its key was taken by another content: both are kept.
    Conflict,
}

/// Keeps session events. `dynamodb:PutItem` and `dynamodb:UpdateItem` on the sessions table.
pub trait KeepEvents {
    /// Keeps an event under the key derived from it; never overwrites.
    fn append(
        &self,
        received: Received<'_>,
        event: &SessionEvent,
    ) -> impl Future<Output = Result<Kept, StoreError>>;

    /// Makes sure that the session has a summary item, and that the event's user finds the session, whether it
    /// belongs to that user or to another.
    fn ensure_summary(
        &self,
        received: Received<'_>,
        event: &SessionEvent,
    ) -> impl Future<Output = Result<(), StoreError>>;

    /// Moves the user's profile, forward in time only.
    fn move_profile(
        &self,
        received: Received<'_>,
        user_id: &str,
        at: EventTime,
        change: &ProfileChange,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// How much of a session's story a fold may read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// One page, in one round trip: nothing is folded if there is more.
    Page,
    /// All of it.
    Whole,
}

/// What became of a fold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Folded {
    /// The session has this summary, or one of at least as many items.
    Written(Box<Summary>),
    /// The story is longer than the fold's reach.
    TooLong,
    /// Nothing is known of the session.
    Nothing,
}

/// Keeps sessions' summaries. `dynamodb:Query` and `dynamodb:UpdateItem` on the sessions table.
pub trait FoldSessions {
    /// Folds the session's story as it is now, and writes what it comes to.
    fn fold(
        &self,
        app: AppId,
        session_id: &str,
        reach: Reach,
        now_ms: u64,
    ) -> impl Future<Output = Result<Folded, StoreError>>;
}

/// Keeps agents' statuses. `dynamodb:PutItem` and `dynamodb:UpdateItem` on the sessions table.
pub trait KeepStatuses {
    /// Keeps a status among the agent's past ones.
    fn append_status(
        &self,
        received: Received<'_>,
        event: &MemberEvent,
    ) -> impl Future<Output = Result<Kept, StoreError>>;

    /// Makes it the current one, unless that is newer.
    fn move_status(
        &self,
        received: Received<'_>,
        event: &MemberEvent,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// Keeps what was verified but not understood. `dynamodb:PutItem` on the sessions table.
pub trait Quarantine {
    /// Keeps the body whole, with the command under which it came and the reason.
    fn quarantine(
        &self,
        received: Received<'_>,
        command: &str,
        reason: &str,
    ) -> impl Future<Output = Result<(), StoreError>>;
}

/// Puts off what cannot be done now. `sqs:SendMessage` on the spill queue.
pub trait Spill {
    /// Keeps a verified callback in the queue until it can be kept in its place.
    fn spill(&self, callback: &Callback, received_at_ms: u64)
    -> impl Future<Output = Result<(), StoreError>>;

    /// Has the session folded once what is late has come.
    fn refold_later(&self, app: AppId, session_id: &str) -> impl Future<Output = Result<(), StoreError>>;
}

/// Reads secrets. `ssm:GetParameters` on the parameters.
pub trait ReadParameters {
    /// The decrypted values of these parameters, in their order.
    fn parameters(&self, names: &[&str]) -> impl Future<Output = Result<Vec<SecretString>, StoreError>>;
}
