//! Keeping what happened: events, statuses, and what nobody understood.

use aws_sdk_dynamodb::{
    error::SdkError, operation::update_item::UpdateItemError, types::ReturnValuesOnConditionCheckFailure,
};

use super::{
    Store, StoreError,
    items::{Item, KeptItem, PLAIN_BYTES, number, text},
    ports::{KeepEvents, KeepStatuses, Kept, Quarantine, Received},
};
use crate::{
    digest::{of_fields, sha256_hex},
    protocol::{AppId, EventTime, MemberEvent, SessionEvent},
    routing::timestamp,
    session::{ProfileChange, keys},
};

/// An event whose time is further off than this is flagged.
const ODD_MS: u64 = 24 * 60 * 60 * 1000;

/// What is told of something in the quarantine; more would take the room of the body.
pub(super) const TOLD_CHARS: usize = 200;

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
pub(super) fn in_the_far_future(received_at_ms: u64, at: EventTime) -> bool {
    at.as_ms() > received_at_ms + ODD_MS
}

/// The time by which something moves forward: a clock that is ahead must not keep out what is true later.
pub(super) fn no_later_than_now(received_at_ms: u64, at: EventTime) -> u64 {
    at.as_ms().min(received_at_ms)
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
        Err(error) => condition_failed(error).map(drop),
    }
}

/// The item of which a condition did not hold, if it was asked for. Any other error stays one.
pub(super) fn condition_failed<R>(error: SdkError<UpdateItemError, R>) -> Result<Item, StoreError>
where
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match error.as_service_error() {
        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
            Ok(failed.item.clone().unwrap_or_default())
        }
        _ => Err(StoreError::of(UPDATE, error)),
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
            // A rebuild that read the item before must not overwrite it. The count begins at a time, so that it
            // differs from that of an item that was here before and was deleted.
            "revision = if_not_exists(revision, :received_at) + :one",
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
            .expression_attribute_values(":at", text(event.event_time.to_string()))
            .expression_attribute_values(":received_at", number(at_ms))
            .expression_attribute_values(":one", number(1))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        // A summary without a user takes the first one that an event brings. One without a day is empty: of its
        // session nothing was left.
        let mut condition = "attribute_not_exists(by_day)";
        if let Some(user) = &event.client_user_id {
            condition = "attribute_not_exists(by_day) OR attribute_not_exists(by_user)";
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
        let expires_at = self.expires_at(at_ms);
        let mut remove = " REMOVE expires_at";
        if let Some(expires_at) = expires_at {
            set.push("expires_at = :expires_at");
            update = update.expression_attribute_values(":expires_at", number(expires_at));
            remove = "";
        }
        let update = update.update_expression(format!("SET {}{remove}", set.join(", ")));
        let there = match update.condition_expression(condition).send().await {
            Ok(_) => return Ok(()),
            Err(error) => condition_failed(error)?,
        };
        let there = |name: &str| there.get(name).and_then(|value| value.as_s().ok());
        match &event.client_user_id {
            Some(user) if there("by_user") != Some(&keys::user(app, user)) => {
                let at = event.event_time.to_string();
                let began_at = there("by_day_at").unwrap_or(&at);
                self.put_further_user(app, &event.session_id, user, began_at, expires_at).await
            }
            _ => Ok(()),
        }
    }

    async fn move_profile(
        &self,
        received: Received<'_>,
        user_id: &str,
        at: EventTime,
        change: &ProfileChange,
    ) -> Result<(), StoreError> {
        if in_the_far_future(received.at_ms, at) {
            return Ok(());
        }
        let at_ms = no_later_than_now(received.at_ms, at);
        self.write_profile(received.app, user_id, at_ms, change, self.expires_at(received.at_ms)).await
    }
}

impl Store {
    /// Writes a change of a profile, unless the profile has something at least as new.
    ///
    /// A profile expires when the last of its changes does: its expiry only moves later, and a profile without one
    /// gets none. A change that just came in needs one request. A second one is needed only if the profile lasts
    /// longer than the change: the change was received earlier (spill queue, replay, rebuild), or the retention
    /// was shortened.
    pub(super) async fn write_profile(
        &self,
        app: AppId,
        user_id: &str,
        at_ms: u64,
        change: &ProfileChange,
        expires_at: Option<u64>,
    ) -> Result<(), StoreError> {
        let field = change.field();
        let value = match change {
            ProfileChange::LastAgent(agent) => text(agent),
            ProfileChange::LastRating(rating) => number(rating),
        };
        let set = format!("SET #field = :value, {field}_at = :at");
        let is_newer = format!("(attribute_not_exists({field}_at) OR {field}_at < :at)");
        let update = self
            .client
            .update_item()
            .table_name(&self.sessions_table)
            .key("pk", text(keys::user(app, user_id)))
            .key("sk", text(keys::PROFILE))
            .expression_attribute_names("#field", field)
            .expression_attribute_values(":value", value)
            .expression_attribute_values(":at", number(at_ms));
        let Some(expires_at) = expires_at else {
            let update =
                update.update_expression(format!("{set} REMOVE expires_at")).condition_expression(is_newer);
            return unless_condition_failed(update.send().await);
        };
        let with_expiry = update
            .clone()
            .update_expression(format!("{set}, expires_at = :expires_at"))
            .condition_expression(format!(
                "{is_newer} AND (attribute_not_exists(pk) OR expires_at <= :expires_at)"
            ))
            .expression_attribute_values(":expires_at", number(expires_at))
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        let there = match with_expiry.send().await {
            Ok(_) => return Ok(()),
            Err(error) => condition_failed(error)?,
        };
        let stored_at = there.get(&format!("{field}_at")).and_then(|at| at.as_n().ok()?.parse::<u64>().ok());
        if stored_at.is_some_and(|stored_at| stored_at >= at_ms) {
            return Ok(());
        }
        // A profile that is deleted in between was erased, or expired later than this change would.
        let update = update
            .update_expression(set)
            .condition_expression(format!("attribute_exists(pk) AND {is_newer}"));
        unless_condition_failed(update.send().await)
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
        if in_the_far_future(received.at_ms, event.event_time) {
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
            .expression_attribute_values(":at", number(no_later_than_now(received.at_ms, event.event_time)));
        match self.expires_at(received.at_ms) {
            Some(expires_at) => {
                set.push_str(", expires_at = :expires_at");
                update = update.expression_attribute_values(":expires_at", number(expires_at));
            }
            None => set.push_str(" REMOVE expires_at"),
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
