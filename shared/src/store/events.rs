//! Keeping what happened: events, statuses, and what nobody understood.

use aws_sdk_dynamodb::{error::SdkError, operation::update_item::UpdateItemError};

use super::{
    Store, StoreError,
    items::{KeptItem, PLAIN_BYTES, number, text},
    ports::{KeepEvents, KeepStatuses, Kept, Quarantine, Received},
};
use crate::{
    digest::{of_fields, sha256_hex},
    protocol::{EventTime, MemberEvent, SessionEvent},
    routing::timestamp,
    session::{ProfileChange, keys},
};

/// An event whose time is further off than this is flagged.
const ODD_MS: u64 = 24 * 60 * 60 * 1000;

/// What is told of something in the quarantine; more would take the room of the body.
const TOLD_CHARS: usize = 200;

const UPDATE: &str = "UpdateItem";

/// The UTC day of a moment, such as `2027-02-01`.
pub(super) fn day(at: EventTime) -> String {
    timestamp(at).strftime("%Y-%m-%d").to_string()
}

impl Store {
    /// Keeps an item with its body under its key; never overwrites.
    async fn keep(&self, received: Received<'_>, mut item: KeptItem) -> Result<Kept, StoreError> {
        item.received_at = received.at_ms;
        item.expires_at = self.expires_at(received.at_ms);
        // The parts first: an item that is there can be read whole. They are named by what is in them.
        for part in item.hold(received.body) {
            self.put_once(&part).await?;
        }
        let mut kept = Kept::New;
        loop {
            match self.put_once(&item).await? {
                None => return Ok(kept),
                Some(there) if there.holds(received.body) => return Ok(Kept::Again),
                Some(_) => {
                    kept = Kept::Conflict;
                    item.sk = keys::conflict(&item.sk, &sha256_hex(received.body));
                }
            }
        }
    }
}

/// What only moves forward in time would stand still after this for as long as it is kept.
fn in_the_far_future(received: Received<'_>, at: EventTime) -> bool {
    at.as_ms() > received.at_ms + ODD_MS
}

/// The time by which something moves forward: a clock that is ahead must not keep out what is true later.
fn no_later_than_now(received: Received<'_>, at: EventTime) -> u64 {
    at.as_ms().min(received.at_ms)
}

/// A condition that did not hold is no failure: somebody was there before.
pub(super) fn unless_condition_failed<T, R>(
    outcome: Result<T, SdkError<UpdateItemError, R>>,
) -> Result<(), StoreError>
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match outcome {
        Ok(_) => Ok(()),
        Err(SdkError::ServiceError(error)) if error.err().is_conditional_check_failed_exception() => Ok(()),
        Err(error) => Err(StoreError::of(UPDATE, error)),
    }
}

impl KeepEvents for Store {
    async fn append(&self, received: Received<'_>, event: &SessionEvent) -> Result<Kept, StoreError> {
        let is_large = received.body.len() > PLAIN_BYTES;
        let item = KeptItem {
            pk: keys::session(received.app, &event.session_id),
            sk: keys::event(event),
            event: Some(event.event.as_str().to_owned()),
            odd_time: event.event_time.as_ms().abs_diff(received.at_ms) > ODD_MS,
            brief: is_large.then(|| serde_json::to_string(event).ok()).flatten(),
            ..KeptItem::default()
        };
        self.keep(received, item).await
    }

    async fn ensure_summary(&self, received: Received<'_>, event: &SessionEvent) -> Result<(), StoreError> {
        let Received { app, at_ms, .. } = received;
        let mut set = vec![
            "#session = :session",
            "by_day = if_not_exists(by_day, :day)",
            "by_day_at = if_not_exists(by_day_at, :at)",
        ];
        let day = keys::day(app, &day(event.event_time), keys::day_shard(&event.session_id));
        let mut update = self
            .client
            .update_item()
            .table_name(&self.sessions_table)
            .key("pk", text(keys::session(app, &event.session_id)))
            .key("sk", text(keys::SUMMARY))
            .expression_attribute_names("#session", "session")
            .expression_attribute_values(":session", text(&event.session_id))
            .expression_attribute_values(":day", text(day))
            .expression_attribute_values(":at", text(event.event_time.to_string()));
        // A summary without a user takes the first one that an event brings.
        let mut condition = "attribute_not_exists(pk)";
        if let Some(user) = &event.client_user_id {
            condition = "attribute_not_exists(pk) OR attribute_not_exists(by_user)";
            set.extend(["#user = :user", "by_user = :by_user", "by_user_at = if_not_exists(by_day_at, :at)"]);
            update = update
                .expression_attribute_names("#user", "user")
                .expression_attribute_values(":user", text(user))
                .expression_attribute_values(":by_user", text(keys::user(app, user)));
        }
        if let Some(channel) = &event.channel_type {
            set.push("channel = :channel");
            update = update.expression_attribute_values(":channel", text(channel));
        }
        if let Some(expires_at) = self.expires_at(at_ms) {
            set.push("expires_at = :expires_at");
            update = update.expression_attribute_values(":expires_at", number(expires_at));
        }
        let update = update.update_expression(format!("SET {}", set.join(", ")));
        unless_condition_failed(update.condition_expression(condition).send().await)
    }

    async fn move_profile(
        &self,
        received: Received<'_>,
        user_id: &str,
        at: EventTime,
        change: &ProfileChange,
    ) -> Result<(), StoreError> {
        if in_the_far_future(received, at) {
            return Ok(());
        }
        let (field, value) = match change {
            ProfileChange::LastAgent(agent) => ("last_agent", text(agent)),
            ProfileChange::LastRating(rating) => ("last_rating", number(rating)),
        };
        let mut set = format!("SET #field = :value, {field}_at = :at");
        let mut update = self
            .client
            .update_item()
            .table_name(&self.sessions_table)
            .key("pk", text(keys::user(received.app, user_id)))
            .key("sk", text(keys::PROFILE))
            .condition_expression(format!("attribute_not_exists({field}_at) OR {field}_at < :at"))
            .expression_attribute_names("#field", field)
            .expression_attribute_values(":value", value)
            .expression_attribute_values(":at", number(no_later_than_now(received, at)));
        if let Some(expires_at) = self.expires_at(received.at_ms) {
            set.push_str(", expires_at = :expires_at");
            update = update.expression_attribute_values(":expires_at", number(expires_at));
        }
        unless_condition_failed(update.update_expression(set).send().await)
    }
}

impl KeepStatuses for Store {
    async fn append_status(&self, received: Received<'_>, event: &MemberEvent) -> Result<Kept, StoreError> {
        let digest = of_fields([Some(event.status.as_str()), event.rest_reason.as_deref()]);
        let item = KeptItem {
            pk: keys::agent(received.app, &event.member_id),
            sk: keys::past_status(event.event_time, &digest),
            status: Some(event.status.clone()),
            ..KeptItem::default()
        };
        self.keep(received, item).await
    }

    async fn move_status(&self, received: Received<'_>, event: &MemberEvent) -> Result<(), StoreError> {
        if in_the_far_future(received, event.event_time) {
            return Ok(());
        }
        let mut set = "SET #status = :status, #at = :at".to_owned();
        let mut update = self
            .client
            .update_item()
            .table_name(&self.sessions_table)
            .key("pk", text(keys::agent(received.app, &event.member_id)))
            .key("sk", text(keys::STATUS))
            .condition_expression("attribute_not_exists(#at) OR #at < :at")
            .expression_attribute_names("#status", "status")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":status", text(&event.status))
            .expression_attribute_values(":at", number(no_later_than_now(received, event.event_time)));
        if let Some(expires_at) = self.expires_at(received.at_ms) {
            set.push_str(", expires_at = :expires_at");
            update = update.expression_attribute_values(":expires_at", number(expires_at));
        }
        unless_condition_failed(update.update_expression(set).send().await)
    }
}

impl Quarantine for Store {
    async fn quarantine(
        &self,
        received: Received<'_>,
        command: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        let at = EventTime::from_ms(received.at_ms).unwrap_or(EventTime::MAX);
        let item = KeptItem {
            pk: keys::quarantine(received.app, &day(at)),
            sk: keys::quarantined(received.at_ms, &sha256_hex(received.body)),
            command: Some(command.chars().take(TOLD_CHARS).collect()),
            reason: Some(reason.chars().take(TOLD_CHARS).collect()),
            ..KeptItem::default()
        };
        self.keep(received, item).await.map(drop)
    }
}
