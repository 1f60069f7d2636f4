//! Reading sessions back, for people and for the programs that `desk` serves.

use serde::{Deserialize, Serialize};

use super::{
    Kind, Store, StoreError,
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
    /// The command under which it came; `None` for one of an earlier version of this software.
    pub command: Option<String>,
    /// What was not understood.
    pub reason: String,
    /// When it came in, in milliseconds since the epoch.
    pub received_at_ms: u64,
    /// When it may be forgotten, in seconds since the epoch.
    pub expires_at: Option<u64>,
    /// The body as received; empty if its parts are gone.
    pub body: String,
}

/// A session's whole story, oldest first.
pub type Story = Vec<Moment>;

/// One thing that happened in a session.
#[derive(Debug)]
pub enum Moment {
    /// The platform reported something.
    Event {
        /// The body as received.
        body: String,
        /// The same, understood.
        event: Option<Box<SessionEvent>>,
        /// When it came in, in milliseconds since the epoch.
        received_at_ms: u64,
        /// Its time is more than a day off the clock of whoever received it.
        odd_time: bool,
    },
    /// A question was answered.
    Decision(Box<DecisionRecord>),
    /// An item stands there that this version cannot read.
    Unreadable {
        /// When it happened.
        at: Option<EventTime>,
        /// What is wrong with it.
        error: StoreError,
    },
}

fn expired(item: &Item, now_seconds: u64) -> bool {
    let expires_at = item.get("expires_at").and_then(|at| at.as_n().ok()?.parse::<u64>().ok());
    expires_at.is_some_and(|expires_at| expires_at <= now_seconds)
}

impl Store {
    /// The story of a session; empty when nothing is known of it. What has expired by
    /// `now_seconds` is left out, whether DynamoDB has removed it yet or not.
    ///
    /// # Errors
    /// DynamoDB's. An item that cannot be read costs the others nothing.
    pub async fn story(&self, app: AppId, session_id: &str, now_seconds: u64) -> Result<Story, StoreError> {
        let pk = keys::session(app, session_id);
        let mut story = Vec::new();
        for item in self.all(&pk, keys::TIMELINE).await? {
            if expired(&item, now_seconds) {
                continue;
            }
            let at = item.get("sk").and_then(|sk| keys::time_of(sk.as_s().ok()?));
            story.push(match self.moment(item).await {
                Err(error) if matches!(error.kind, Kind::Unreadable(_)) => Moment::Unreadable { at, error },
                moment => moment?,
            });
        }
        Ok(story)
    }

    async fn moment(&self, item: Item) -> Result<Moment, StoreError> {
        if !item.contains_key("event") {
            let decision: DecisionItem = from_item(QUERY, item)?;
            let unreadable = || StoreError::unreadable(QUERY, "a recorded decision");
            return Ok(Moment::Decision(Box::new(decision.record().ok_or_else(unreadable)?)));
        }
        let kept: KeptItem = from_item(QUERY, item)?;
        let (received_at_ms, odd_time) = (kept.received_at, kept.odd_time);
        let body = self.body(kept).await?;
        let event = read(&body).ok().map(Box::new);
        Ok(Moment::Event { body, event, received_at_ms, odd_time })
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
            // Beside the entries stand the parts of those that exceed an item.
            if expired(&item, now_seconds) || !item.contains_key("reason") {
                continue;
            }
            let kept: KeptItem = from_item(QUERY, item)?;
            entries.push(Quarantined {
                id: kept.sk.clone(),
                command: kept.command.clone(),
                reason: kept.reason.clone().unwrap_or_default(),
                received_at_ms: kept.received_at,
                expires_at: kept.expires_at,
                body: match self.body(kept).await {
                    // A release was broken off when its parts were gone.
                    Err(error) if matches!(error.kind, Kind::Unreadable(_)) => String::new(),
                    body => body?,
                },
            });
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

    /// One session as lists show it; `None` if nothing is known of it.
    ///
    /// # Errors
    /// DynamoDB's, or a summary that cannot be read.
    pub async fn session(&self, app: AppId, session_id: &str) -> Result<Option<SessionRow>, StoreError> {
        let item = self.get(&self.sessions_table, keys::session(app, session_id), keys::SUMMARY).await?;
        item.map(|mut item| {
            // A row of one index has one of the two.
            item.remove("by_user_at");
            from_item("GetItem", item)
        })
        .transpose()
    }
}
