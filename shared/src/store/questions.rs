//! What a question needs: facts, and a place for the decision.

use serde::{Deserialize, Serialize};

use super::{
    Store, StoreError,
    items::{Item, KeptItem, from_item, text},
    ports::{Asked, ReadFacts, RecordDecision},
};
use crate::{
    protocol::{AppId, EventTime},
    routing::{Attributes, DecisionRecord, Profile, Timeline},
    session::keys,
};

/// How much of a session's story facts are made of: its newest items.
const NEWEST_ITEMS: i32 = 200;

#[derive(Serialize, Deserialize)]
pub(super) struct DecisionItem {
    pub pk: String,
    pub sk: String,
    pub by_user: String,
    pub by_user_at: String,
    pub session: String,
    pub user: String,
    pub rule: String,
    pub version: Option<u64>,
    /// The reply's body, to the letter.
    pub answer: String,
    /// JSON, in the names of the ruleset's tests.
    pub facts: String,
    pub at: jiff::Timestamp,
    pub received_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

impl DecisionItem {
    fn new(
        asked: Asked<'_>,
        record: &DecisionRecord,
        received_at: u64,
        expires_at: Option<u64>,
    ) -> Option<Self> {
        let Asked { app, session_id, user_id, at } = asked;
        Some(Self {
            pk: keys::session(app, session_id),
            sk: keys::decision(at),
            by_user: keys::user(app, user_id),
            by_user_at: at.to_string(),
            session: session_id.to_owned(),
            user: user_id.to_owned(),
            rule: record.rule.clone(),
            version: record.version,
            answer: serde_json::to_string(&record.answer).ok()?,
            facts: serde_json::to_string(&record.facts).ok()?,
            at: record.at,
            received_at,
            expires_at,
        })
    }

    pub(super) fn record(self) -> Option<DecisionRecord> {
        Some(DecisionRecord {
            rule: self.rule,
            version: self.version,
            answer: serde_json::from_str(&self.answer).ok()?,
            facts: serde_json::from_str(&self.facts).ok()?,
            at: self.at,
        })
    }
}

impl ReadFacts for Store {
    async fn timeline(
        &self,
        app: AppId,
        session_id: &str,
        asked_at: EventTime,
    ) -> Result<Timeline, StoreError> {
        let page = self
            .client
            .query()
            .table_name(&self.sessions_table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            // Not the facts and answers of earlier decisions.
            .projection_expression("sk, #event, #body, brief")
            .expression_attribute_names("#event", "event")
            .expression_attribute_names("#body", "body")
            .expression_attribute_values(":pk", text(keys::session(app, session_id)))
            .expression_attribute_values(":first", text(keys::TIMELINE))
            .expression_attribute_values(":last", text(keys::end_of(asked_at)))
            .scan_index_forward(false)
            .limit(NEWEST_ITEMS)
            .send()
            .await
            .map_err(|error| StoreError::of("Query", error))?;
        let mut timeline = Timeline { whole: page.last_evaluated_key.is_none(), ..Timeline::default() };
        for item in page.items.unwrap_or_default().into_iter().rev() {
            let item: KeptItem = from_item("Query", item)?;
            if item.event.is_none() {
                timeline.decisions.extend(keys::time_of(&item.sk));
            } else if let Some(body) = item.body.or(item.brief) {
                timeline.events.extend(crate::protocol::read(&body).ok());
            }
        }
        Ok(timeline)
    }

    async fn profile(&self, app: AppId, user_id: &str) -> Result<Profile, StoreError> {
        let item = self.get(&self.sessions_table, keys::user(app, user_id), keys::PROFILE).await?;
        item.map_or(Ok(Profile::default()), |item| from_item("GetItem", item))
    }

    async fn attributes(&self, app: AppId, user_id: &str) -> Result<Attributes, StoreError> {
        let item = self.get(&self.rules_table, keys::user(app, user_id), keys::ATTRIBUTES).await?;
        item.map_or(Ok(Attributes::default()), |item| from_item("GetItem", item))
    }
}

impl Store {
    pub(super) async fn get(&self, table: &str, pk: String, sk: &str) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(table).key("pk", text(pk)).key("sk", text(sk));
        get.send().await.map(|output| output.item).map_err(|error| StoreError::of("GetItem", error))
    }
}

impl RecordDecision for Store {
    async fn record(
        &self,
        asked: Asked<'_>,
        record: &DecisionRecord,
        received_at_ms: u64,
    ) -> Result<Option<DecisionRecord>, StoreError> {
        const PUT: &str = "PutItem";
        let item = DecisionItem::new(asked, record, received_at_ms, self.expires_at(received_at_ms))
            .ok_or_else(|| StoreError::unreadable(PUT, "a decision that is no JSON"))?;
        let Some(kept) = self.put_once(&item).await? else { return Ok(None) };
        if kept.user != item.user {
            return Err(StoreError::unreadable(PUT, "another user's question of this moment has the place"));
        }
        let unreadable = || StoreError::unreadable(PUT, "a recorded decision");
        kept.record().ok_or_else(unreadable).map(Some)
    }
}
