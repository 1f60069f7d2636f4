//! Reading sessions back, for people and for the programs that `desk` serves.

use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError,
    events::day,
    items::{Item, KeptItem, from_item, part_key, text, unzip},
    questions::DecisionItem,
};
use crate::{
    protocol::{AppId, EventTime, SessionEvent, read},
    routing::DecisionRecord,
    session::keys,
};

const QUERY: &str = "Query";

/// One session in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRow {
    /// Its id.
    pub session: String,
    /// Its user; none when no event named one.
    #[serde(default)]
    pub user: Option<String>,
    /// `SDK`, `Web` or another.
    #[serde(default)]
    pub channel: Option<String>,
    /// Who holds or held it last; none when no agent is known.
    #[serde(default)]
    pub agent: Option<String>,
    /// When it ended, in milliseconds since the epoch; none while it lasts, as far as is known.
    #[serde(default)]
    pub ended_at: Option<u64>,
    /// The earliest known moment, thirteen digits of milliseconds since the epoch.
    #[serde(alias = "by_user_at", alias = "by_day_at")]
    pub began_at: String,
    /// When it may be forgotten, in seconds since the epoch.
    #[serde(default)]
    pub expires_at: Option<u64>,
}

/// Something that was verified and not understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its place among those of its day.
    pub id: String,
    /// What was not understood.
    pub reason: String,
    /// When it came in, in milliseconds since the epoch.
    pub received_at_ms: u64,
    /// The body as received.
    pub body: String,
}

/// A session's whole story, oldest first.
pub type Story = Vec<Moment>;

/// One thing that happened in a session.
#[derive(Clone, Debug)]
pub enum Moment {
    /// The platform reported something.
    Event {
        /// The body as received.
        body: String,
        /// The same, understood.
        event: Option<Box<SessionEvent>>,
        /// When it came in, in milliseconds since the epoch.
        received_at_ms: u64,
    },
    /// A question was answered.
    Decision(Box<DecisionRecord>),
}

impl Store {
    /// The story of a session; empty when nothing is known of it. What has expired by
    /// `now_seconds` is left out, whether DynamoDB has removed it yet or not.
    ///
    /// # Errors
    /// DynamoDB's, or an item that cannot be read.
    pub async fn story(&self, app: AppId, session_id: &str, now_seconds: u64) -> Result<Story, StoreError> {
        let pk = keys::session(app, session_id);
        let mut story = Vec::new();
        for item in self.all(&pk, keys::TIMELINE).await? {
            let kept: KeptItem = from_item(QUERY, item.clone())?;
            if kept.expires_at.is_some_and(|expires_at| expires_at <= now_seconds) {
                continue;
            }
            if kept.event.is_none() {
                let decision: DecisionItem = from_item(QUERY, item)?;
                let unreadable = || StoreError::unreadable(QUERY, "a recorded decision");
                story.push(Moment::Decision(Box::new(decision.record().ok_or_else(unreadable)?)));
            } else {
                let received_at_ms = kept.received_at;
                let body = self.body(kept).await?;
                let event = read(&body).ok().map(Box::new);
                story.push(Moment::Event { body, event, received_at_ms });
            }
        }
        Ok(story)
    }

    /// What was verified and not understood on a day (UTC), oldest first. What has expired is left out.
    ///
    /// # Errors
    /// DynamoDB's, or an item that cannot be read.
    pub async fn quarantined(
        &self,
        app: AppId,
        on: EventTime,
        now_seconds: u64,
    ) -> Result<Vec<Quarantined>, StoreError> {
        let mut entries = Vec::new();
        for item in self.partition(&keys::quarantine(app, &day(on)), None).await? {
            let kept: KeptItem = from_item(QUERY, item)?;
            if kept.expires_at.is_some_and(|expires_at| expires_at <= now_seconds) {
                continue;
            }
            let (id, reason, received_at_ms) =
                (kept.sk.clone(), kept.reason.clone().unwrap_or_default(), kept.received_at);
            entries.push(Quarantined { id, reason, received_at_ms, body: self.body(kept).await? });
        }
        Ok(entries)
    }

    /// The body of an item, put together from its parts where it has any.
    pub(super) async fn body(&self, kept: KeptItem) -> Result<String, StoreError> {
        let missing = || StoreError::unreadable(QUERY, format!("the body of {}", kept.sk));
        if let Some(body) = kept.whole_body() {
            return Ok(body);
        }
        let digest = kept.digest.as_deref().ok_or_else(missing)?;
        let mut zipped = Vec::new();
        for part in 0..kept.parts.unwrap_or_default() {
            let item = self.get(&self.sessions_table, kept.pk.clone(), &part_key(digest, part)).await?;
            let bytes = item.as_ref().and_then(|item| item.get("body_z")?.as_b().ok()).ok_or_else(missing)?;
            zipped.extend_from_slice(bytes.as_ref());
        }
        unzip(&zipped).ok_or_else(missing)
    }

    async fn all(&self, pk: &str, prefix: &str) -> Result<Vec<Item>, StoreError> {
        let items = self
            .client
            .query()
            .table_name(&self.sessions_table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :prefix)")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":prefix", text(prefix))
            .into_paginator()
            .items()
            .send();
        items.collect::<Result<_, _>>().await.map_err(|error| StoreError::of(QUERY, error))
    }

    /// The sessions of a user, newest first.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn sessions_of_user(
        &self,
        app: AppId,
        user_id: &str,
        now_seconds: u64,
    ) -> Result<Vec<SessionRow>, StoreError> {
        self.rows("by-user", "by_user", keys::user(app, user_id), now_seconds).await
    }

    /// The sessions that began on a day (`2027-02-01`, UTC), newest first.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn sessions_of_day(
        &self,
        app: AppId,
        day: &str,
        now_seconds: u64,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let mut rows = Vec::new();
        for shard in 0..keys::DAY_SHARDS {
            rows.extend(self.rows("by-day", "by_day", keys::day(app, day, shard), now_seconds).await?);
        }
        rows.sort_by(|a, b| b.began_at.cmp(&a.began_at).then_with(|| a.session.cmp(&b.session)));
        Ok(rows)
    }

    async fn rows(
        &self,
        index: &str,
        key: &str,
        value: String,
        now_seconds: u64,
    ) -> Result<Vec<SessionRow>, StoreError> {
        let items = self
            .client
            .query()
            .table_name(&self.sessions_table)
            .index_name(index)
            .key_condition_expression(format!("{key} = :value"))
            // The by-user index holds decisions too, for erasure; a list shows sessions.
            .filter_expression("sk = :summary AND (attribute_not_exists(expires_at) OR expires_at > :now)")
            .expression_attribute_values(":value", text(value))
            .expression_attribute_values(":summary", text(keys::SUMMARY))
            .expression_attribute_values(":now", super::items::number(now_seconds))
            .scan_index_forward(false)
            .into_paginator()
            .items()
            .send();
        let items: Vec<Item> =
            items.collect::<Result<_, _>>().await.map_err(|error| StoreError::of(QUERY, error))?;
        items.into_iter().map(|item| from_item(QUERY, item)).collect()
    }
}
