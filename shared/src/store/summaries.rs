//! Rebuilds the summaries of sessions, the items of their further users, and profiles.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::{
    Kind, Store, StoreError,
    events::{condition_failed, day, in_the_far_future, no_later_than_now},
    items::{number, text},
    ports::{FoldSessions, Folded, Reach, ReadFacts},
    timeline::{Partition, SummaryItem},
};
use crate::{
    protocol::AppId,
    session::{FOLD, ProfileChange, Summary, keys},
};

const PUT: &str = "PutItem";
const UPDATE: &str = "UpdateItem";

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
        self.restore_profiles(app, &partition, now_ms).await?;
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
                    Some(there)
                        if is_listed && !self.forget_summary(app, session_id, there, now_ms).await? => {}
                    _ => return Ok((Folded::Nothing, partition)),
                }
                continue;
            }
            // A decision alone makes no session that lists show.
            if !is_listed && partition.has_no_event() {
                return Ok((Folded::Nothing, partition));
            }
            let summary = partition.fold();
            // A summary item that this rebuild created stays only if the session still exists afterwards: it
            // may have been erased in the meantime.
            let is_of_newer_form = there.and_then(|there| there.form).is_some_and(|form| form > FOLD);
            if is_created || is_of_newer_form {
                return Ok((Folded::Written(Box::new(summary)), partition));
            }
            self.index_further_users(app, session_id, &summary, &partition).await?;
            if self.write_summary(app, session_id, &summary, &partition, now_ms).await? {
                if there.is_some() {
                    return Ok((Folded::Written(Box::new(summary)), partition));
                }
                is_created = true;
            }
        }
        Err(StoreError { operation: UPDATE, kind: Kind::Busy, source: None })
    }

    /// Writes a summary unless the item was changed since it was read. Returns whether it was written.
    async fn write_summary(
        &self,
        app: AppId,
        session_id: &str,
        summary: &Summary,
        partition: &Partition,
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
        self.update_summary(app, session_id, fields, partition.summary.as_ref(), now_ms).await
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
        self.update_summary(app, session_id, fields, Some(there), now_ms).await
    }

    /// Sets these attributes of a summary item and removes those without a value, unless the item was changed
    /// since it was read. Returns whether it did.
    async fn update_summary(
        &self,
        app: AppId,
        session_id: &str,
        fields: Vec<(&'static str, Option<AttributeValue>)>,
        there: Option<&SummaryItem>,
        now_ms: u64,
    ) -> Result<bool, StoreError> {
        let revision = there.and_then(|there| there.revision);
        let mut update = self
            .client
            .update_item()
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
        match update.update_expression(format!("SET {}{remove}", set.join(", "))).send().await {
            Ok(_) => Ok(true),
            Err(error) => condition_failed(error).map(|_| false),
        }
    }

    /// Makes sure that every user finds the session: the users that its events name, and its owner so far.
    async fn index_further_users(
        &self,
        app: AppId,
        session_id: &str,
        summary: &Summary,
        partition: &Partition,
    ) -> Result<(), StoreError> {
        let began_at = summary.began_at.map(|at| at.to_string()).unwrap_or_default();
        let mut users = BTreeMap::new();
        if let Some(there) = &partition.summary
            && let Some(former) = there.by_user.as_deref()
            && let Some(former) = former.strip_prefix(&keys::user(app, ""))
        {
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
        for (user, expires_at) in users {
            let is_owner = summary.user.as_deref().is_none_or(|owner| owner == user);
            if is_owner || !keys::fits(&keys::user(app, user)) {
                continue;
            }
            let lasts = partition.further_users.get(&keys::further_user(user));
            let lasts_long_enough = match (lasts, expires_at) {
                (Some(Some(lasts)), Some(needed)) => *lasts >= needed,
                (Some(lasts), _) => lasts.is_none(),
                (None, _) => false,
            };
            if !lasts_long_enough {
                self.put_further_user(app, session_id, user, &began_at, expires_at).await?;
            }
        }
        Ok(())
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
        let put = self
            .client
            .put_item()
            .table_name(&self.sessions_table)
            .item("pk", text(keys::session(app, session_id)))
            .item("sk", text(keys::further_user(user_id)))
            .item("by_user", text(keys::user(app, user_id)))
            .item("by_user_at", text(began_at));
        let put = match expires_at {
            Some(at) => put.item("expires_at", number(at + FURTHER_USER_SPARE_SECONDS)),
            None => put,
        };
        put.send().await.map(drop).map_err(|error| StoreError::of(PUT, error))
    }

    /// Moves the profiles of the session's users forward to what its timeline says.
    async fn restore_profiles(
        &self,
        app: AppId,
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
        for (user, fields) in newest {
            let profile = self.profile(app, user).await?;
            for (at, change, expires_at) in fields.into_values() {
                let stored_at = match change {
                    ProfileChange::LastAgent(_) => profile.last_agent_at,
                    ProfileChange::LastRating(_) => profile.last_rating_at,
                };
                if stored_at.is_none_or(|stored_at| stored_at.as_ms() < at) {
                    self.write_profile(app, user, at, &change, expires_at).await?;
                }
            }
        }
        Ok(())
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
