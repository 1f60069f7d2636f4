//! Rebuilds the summaries of sessions, the items of their further users, and profiles.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem, Update};

use super::{
    Kind, Store, StoreError,
    events::{condition_failed, day, in_the_far_future, no_later_than_now},
    items::{Item, number, text},
    ports::{FoldSessions, Folded, Reach, ReadFacts},
    timeline::{Partition, SummaryItem},
};
use crate::{
    protocol::AppId,
    session::{FOLD, ProfileChange, Summary, keys},
};

const PUT: &str = "PutItem";
const UPDATE: &str = "UpdateItem";
const DELETE: &str = "DeleteItem";
const TRANSACT: &str = "TransactWriteItems";

/// The items of further users that one transaction writes beside the summary; DynamoDB takes 100.
const FURTHER_USERS_AT_ONCE: usize = 99;

/// The number of times that a rebuild tries, if another writer changes the summary each time.
const ATTEMPTS: usize = 4;

/// The item of a further user outlives the user's last event by a day, so that one more event on the same day
/// needs no other item.
const FURTHER_USER_SPARE_SECONDS: u64 = 24 * 60 * 60;

impl FoldSessions for Store {
    async fn fold(
        &self,
        app: AppId,
        session_id: &str,
        reach: Reach,
        now_ms: u64,
    ) -> Result<Folded, StoreError> {
        // Boxed: the compiler gives up on futures nested as deep as this one in the runtime's.
        Box::pin(self.fold_partition(app, session_id, reach, now_ms)).await.map(|(folded, _)| folded)
    }
}

impl Store {
    /// Rebuilds a session's summary and the profiles of its users from its timeline.
    ///
    /// A profile is only written if the timeline has something newer.
    ///
    /// # Errors
    /// DynamoDB's, or other writers kept changing the summary.
    pub async fn rebuild(&self, app: AppId, session_id: &str, now_ms: u64) -> Result<Folded, StoreError> {
        let (folded, partition) = self.fold_partition(app, session_id, Reach::Whole, now_ms).await?;
        self.restore_profiles(app, session_id, &partition, now_ms).await?;
        Ok(folded)
    }

    /// Reads the summary item, then the timeline, and writes what the timeline comes to if the summary item
    /// is still the same: of two rebuilds at once, the one that read later wins, and the other begins again.
    async fn fold_partition(
        &self,
        app: AppId,
        session_id: &str,
        reach: Reach,
        now_ms: u64,
    ) -> Result<(Folded, Partition), StoreError> {
        let mut is_created = false;
        for _ in 0..ATTEMPTS {
            let partition = self.session_partition(app, session_id, reach == Reach::Page).await?;
            let Some(partition) = partition else { return Ok((Folded::TooLong, Partition::default())) };
            let there = partition.summary.as_ref();
            let is_listed = there.is_some_and(|there| there.is_listed);
            if partition.timeline.is_empty() {
                match there {
                    // An event may have come in the meantime: then the summary is made again.
                    Some(there) if is_listed => {
                        self.forget_summary(app, session_id, there, now_ms).await?;
                        continue;
                    }
                    _ => return Ok((Folded::Nothing, partition)),
                }
            }
            // A decision alone makes no session that lists show.
            if !is_listed && partition.has_no_event() {
                return Ok((Folded::Nothing, partition));
            }
            let summary = partition.fold();
            let is_of_newer_form = there.and_then(|there| there.form).is_some_and(|form| form > FOLD);
            let mut further_users = missing_further_users(app, session_id, &summary, &partition);
            // A summary item that this rebuild created stays only if the session still exists afterwards: it
            // may have been erased in the meantime.
            if is_of_newer_form || is_created && further_users.is_empty() {
                return Ok((Folded::Written(Box::new(summary)), partition));
            }
            let is_all = there.is_some() && further_users.len() <= FURTHER_USERS_AT_ONCE;
            // Nothing but a summary item that was there before shows that no user was erased.
            further_users.truncate(if there.is_some() { FURTHER_USERS_AT_ONCE } else { 0 });
            if self.write_summary(app, session_id, &summary, &partition, further_users, now_ms).await? {
                if is_all {
                    return Ok((Folded::Written(Box::new(summary)), partition));
                }
                is_created = true;
            }
        }
        Err(StoreError { operation: UPDATE, kind: Kind::Busy, source: None })
    }

    /// Writes a summary, and items of further users with it, unless the summary item was changed since it was
    /// read. Returns whether it was written.
    async fn write_summary(
        &self,
        app: AppId,
        session_id: &str,
        summary: &Summary,
        partition: &Partition,
        further_users: Vec<Item>,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let Some(began_at) = summary.began_at else { return Ok(true) };
        let json = serde_json::to_string(summary)
            .map_err(|error| StoreError::unreadable(UPDATE, error.to_string()))?;
        let began_on = keys::day(app, &day(began_at), keys::day_shard(session_id));
        let mut fields = vec![
            ("session", Some(text(session_id))),
            ("by_day", Some(text(began_on))),
            ("by_day_at", Some(text(began_at.to_string()))),
            ("channel", summary.channel.clone().map(text)),
            ("agent", summary.agents.last().map(|stint| text(&stint.agent))),
            ("ended_at", summary.ended_at.map(|at| number(at.as_ms()))),
            ("summary", Some(text(json))),
            ("fold", Some(number(FOLD))),
            ("items", Some(number(summary.items))),
            ("folded_at", Some(number(now_ms))),
            // As long as anything of its session, however long that is kept.
            ("expires_at", partition.expires_at().map(number)),
        ];
        // If no event names a user any more, the session is still found by its last owner.
        if let Some(user) = &summary.user {
            fields.push(("user", Some(text(user))));
            let by_user = Some(keys::user(app, user)).filter(|key| keys::fits(key));
            fields.push(("by_user_at", by_user.is_some().then(|| text(began_at.to_string()))));
            fields.push(("by_user", by_user.map(text)));
        }
        let there = partition.summary.as_ref();
        self.update_summary(app, session_id, fields, further_users, there, now_ms).await
    }

    /// Empties the summary item of a session of which nothing is left: no index finds it, and it expires.
    async fn forget_summary(
        &self,
        app: AppId,
        session_id: &str,
        there: &SummaryItem,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        const GONE: [&str; 13] = [
            "session",
            "by_day",
            "by_day_at",
            "user",
            "by_user",
            "by_user_at",
            "channel",
            "agent",
            "ended_at",
            "summary",
            "fold",
            "items",
            "folded_at",
        ];
        let mut fields: Vec<_> = GONE.map(|name| (name, None)).into();
        fields.push(("expires_at", Some(number(now_ms / 1000))));
        self.update_summary(app, session_id, fields, Vec::new(), Some(there), now_ms).await
    }

    /// Sets these attributes of a summary item and removes those without a value, and puts `with_it` in the same
    /// transaction, unless the summary item was changed since it was read. Returns whether it did.
    async fn update_summary(
        &self,
        app: AppId,
        session_id: &str,
        fields: Vec<(&'static str, Option<AttributeValue>)>,
        with_it: Vec<Item>,
        there: Option<&SummaryItem>,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let revision = there.and_then(|there| there.revision);
        let mut update = Update::builder()
            .table_name(&self.sessions_table)
            .key("pk", text(keys::session(app, session_id)))
            .key("sk", text(keys::SUMMARY))
            .expression_attribute_names("#revision", "revision")
            .expression_attribute_values(":next", number(revision.map_or(now_ms, |revision| revision + 1)));
        update = match (there, revision) {
            (None, _) => update.condition_expression("attribute_not_exists(pk)"),
            // Stored by a version that counted no revisions.
            (Some(_), None) => {
                update.condition_expression("attribute_exists(pk) AND attribute_not_exists(#revision)")
            }
            (Some(_), Some(revision)) => update
                .condition_expression("#revision = :revision")
                .expression_attribute_values(":revision", number(revision)),
        };
        let (mut set, mut remove) = (vec!["#revision = :next".to_owned()], Vec::new());
        for (name, value) in fields {
            update = update.expression_attribute_names(format!("#{name}"), name);
            match value {
                Some(value) => {
                    set.push(format!("#{name} = :{name}"));
                    update = update.expression_attribute_values(format!(":{name}"), value);
                }
                None => remove.push(format!("#{name}")),
            }
        }
        let remove = if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        let update = update.update_expression(format!("SET {}{remove}", set.join(", "))).build();
        let update = update.map_err(|error| StoreError::unreadable(UPDATE, error.to_string()))?;
        if !with_it.is_empty() {
            return self.update_with(update, with_it).await;
        }
        let alone = self
            .client
            .update_item()
            .table_name(update.table_name)
            .set_key(Some(update.key))
            .update_expression(update.update_expression)
            .set_condition_expression(update.condition_expression)
            .set_expression_attribute_names(update.expression_attribute_names)
            .set_expression_attribute_values(update.expression_attribute_values);
        match alone.send().await {
            Ok(_) => Ok(true),
            Err(error) => condition_failed(error).map(|_| false),
        }
    }

    /// Does an update and puts items into the sessions table, all or nothing. Returns whether it did.
    async fn update_with(&self, update: Update, items: Vec<Item>) -> Result<bool, StoreError> {
        let mut transaction = self.client.transact_write_items();
        transaction = transaction.transact_items(TransactWriteItem::builder().update(update).build());
        for item in items {
            let put = Put::builder().table_name(&self.sessions_table).set_item(Some(item)).build();
            let put = put.map_err(|error| StoreError::unreadable(TRANSACT, error.to_string()))?;
            transaction = transaction.transact_items(TransactWriteItem::builder().put(put).build());
        }
        match transaction.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_transaction_canceled_exception()) => {
                Ok(false)
            }
            Err(error) => Err(StoreError::of(TRANSACT, error)),
        }
    }

    /// Writes the item through which a further user finds the session.
    pub(super) async fn put_further_user(
        &self,
        app: AppId,
        session_id: &str,
        user_id: &str,
        began_at: &str,
        expires_at: Option<u64>,
    ) -> Result<(), StoreError> {
        let item = further_user_item(app, session_id, user_id, began_at, expires_at);
        let put = self.client.put_item().table_name(&self.sessions_table).set_item(Some(item));
        put.send().await.map(drop).map_err(|error| StoreError::of(PUT, error))
    }

    /// Moves the profiles of the session's users forward to what its timeline says.
    ///
    /// A profile of which the events were erased in the meantime is deleted again.
    async fn restore_profiles(
        &self,
        app: AppId,
        session_id: &str,
        partition: &Partition,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let mut newest = BTreeMap::new();
        for item in &partition.timeline {
            let is_kept = item.expires_at.is_none_or(|at| at > now_ms / 1000);
            if let Some(event) = item.event().filter(|_| is_kept)
                && let Some(user) = event.client_user_id.as_deref()
                && let Some(change) = ProfileChange::of(event)
                && !in_the_far_future(item.received_at, event.event_time)
            {
                let at = no_later_than_now(item.received_at, event.event_time);
                let fields: &mut BTreeMap<_, _> = newest.entry(user).or_default();
                let known =
                    fields.entry(change.field()).or_insert_with(|| (at, change.clone(), item.expires_at));
                if known.0 < at {
                    *known = (at, change, item.expires_at);
                }
            }
        }
        let mut restored: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (user, fields) in newest {
            let profile = self.profile(app, user).await?;
            for (at, change, expires_at) in fields.into_values() {
                let stored_at = match change {
                    ProfileChange::LastAgent(_) => profile.last_agent_at,
                    ProfileChange::LastRating(_) => profile.last_rating_at,
                };
                if stored_at.is_none_or(|stored_at| stored_at.as_ms() < at) {
                    self.write_profile(app, user, at, &change, expires_at).await?;
                    restored.entry(user).or_default().push((change.field(), at));
                }
            }
        }
        if restored.is_empty() {
            return Ok(());
        }
        let now = self.session_partition(app, session_id, false).await?.unwrap_or_default();
        for (user, fields) in restored {
            if !now.timeline.iter().any(|item| item.user.as_deref() == Some(user)) {
                self.delete_restored(app, user, &fields).await?;
            }
        }
        Ok(())
    }

    /// Deletes a profile that has nothing but these fields, each of this time.
    async fn delete_restored(
        &self,
        app: AppId,
        user: &str,
        restored: &[(&'static str, u64)],
    ) -> Result<(), StoreError> {
        let mut delete = self
            .client
            .delete_item()
            .table_name(&self.sessions_table)
            .key("pk", text(keys::user(app, user)))
            .key("sk", text(keys::PROFILE));
        let mut conditions = Vec::new();
        for field in ProfileChange::FIELDS {
            match restored.iter().find(|(restored, _)| *restored == field) {
                Some((_, at)) => {
                    conditions.push(format!("{field}_at = :{field}"));
                    delete = delete.expression_attribute_values(format!(":{field}"), number(at));
                }
                None => conditions.push(format!("attribute_not_exists({field}_at)")),
            }
        }
        match delete.condition_expression(conditions.join(" AND ")).send().await {
            Err(error)
                if !error
                    .as_service_error()
                    .is_some_and(|error| error.is_conditional_check_failed_exception()) =>
            {
                Err(StoreError::of(DELETE, error))
            }
            // Another session has changed it, or it does not exist.
            _ => Ok(()),
        }
    }

    /// A session's summary as it is written; `None` if there is none, or only its stub.
    ///
    /// # Errors
    /// DynamoDB's, or a summary of a newer form.
    pub async fn summary(&self, app: AppId, session_id: &str) -> Result<Option<Summary>, StoreError> {
        let item = self.get(&self.sessions_table, keys::session(app, session_id), keys::SUMMARY).await?;
        let Some(json) = item.as_ref().and_then(|item| item.get("summary")?.as_s().ok()) else {
            return Ok(None);
        };
        serde_json::from_str(json)
            .map(Some)
            .map_err(|error| StoreError::unreadable("GetItem", error.to_string()))
    }
}

/// The items that are missing for every user to find the session: the users that its events name, and its owner so
/// far, who comes first.
fn missing_further_users(
    app: AppId,
    session_id: &str,
    summary: &Summary,
    partition: &Partition,
) -> Vec<Item> {
    let began_at = summary.began_at.map(|at| at.to_string()).unwrap_or_default();
    let mut users = BTreeMap::new();
    let former = partition.stored_owner(app);
    if let (Some(former), Some(there)) = (former, &partition.summary) {
        users.insert(former, there.expires_at);
    }
    for item in &partition.timeline {
        if item.event().is_some()
            && let Some(user) = item.user.as_deref()
        {
            let last = users.entry(user).or_insert(item.expires_at);
            *last = last.zip(item.expires_at).map(|(last, this)| last.max(this));
        }
    }
    let is_missing = |(user, expires_at): &(&str, Option<u64>)| {
        let is_owner = summary.user.as_deref().is_none_or(|owner| owner == *user);
        if is_owner || !keys::fits(&keys::user(app, user)) {
            return false;
        }
        let lasts = partition.further_users.get(&keys::further_user(user));
        let lasts_long_enough = match (lasts, expires_at) {
            (Some(Some(lasts)), Some(needed)) => lasts >= needed,
            (Some(lasts), _) => lasts.is_none(),
            (None, _) => false,
        };
        !lasts_long_enough
    };
    let mut missing: Vec<_> = users.into_iter().filter(is_missing).collect();
    missing.sort_by_key(|(user, _)| Some(*user) != former);
    let item = |(user, expires_at)| further_user_item(app, session_id, user, &began_at, expires_at);
    missing.into_iter().map(item).collect()
}

/// The item through which a further user finds the session.
fn further_user_item(
    app: AppId,
    session_id: &str,
    user_id: &str,
    began_at: &str,
    expires_at: Option<u64>,
) -> Item {
    let fields = [
        ("pk", Some(text(keys::session(app, session_id)))),
        ("sk", Some(text(keys::further_user(user_id)))),
        ("by_user", Some(text(keys::user(app, user_id)))),
        ("by_user_at", Some(text(began_at))),
        ("expires_at", expires_at.map(|at| number(at + FURTHER_USER_SPARE_SECONDS))),
    ];
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}
