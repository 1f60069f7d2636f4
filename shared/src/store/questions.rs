//! The facts of a question. Every read is consistent, so that a missing item is known to be missing.

use super::{
    Store, StoreError,
    items::{Item, KeptItem, from_item, text},
    ports::ReadFacts,
};
use crate::{
    protocol::{AppId, EventTime},
    routing::{Attributes, Profile, Timeline},
    session::keys,
};

/// So many of a session's newest events, or so many bytes of them, are enough for facts. They are looked for,
/// among decisions, in so many pages of so many items; a page has at most 1 MB.
const NEWEST_EVENTS: usize = 200;
const EVENT_BYTES: usize = 512 * 1024;
const PAGES: usize = 5;
const PAGE: i32 = 200;

impl ReadFacts for Store {
    async fn timeline(
        &self,
        app: AppId,
        session_id: &str,
        asked_at: EventTime,
    ) -> Result<Timeline, StoreError> {
        let mut timeline = Timeline::default();
        let (mut bytes, mut start) = (0, None);
        'pages: for _ in 0..PAGES {
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
                .consistent_read(true)
                .limit(PAGE)
                .set_exclusive_start_key(start)
                .send()
                .await
                .map_err(|error| StoreError::of("Query", error))?;
            for item in page.items.unwrap_or_default() {
                let item: KeptItem = from_item("Query", item)?;
                if item.event.is_none() {
                    timeline.decisions.extend(keys::time_of(&item.sk));
                    continue;
                }
                let has_custom_data = item.body.is_some();
                let body = item.body.or(item.brief).unwrap_or_default();
                let Ok(event) = crate::protocol::read(&body) else {
                    // The older events are not known to be the latest that say something.
                    timeline.whole = false;
                    break 'pages;
                };
                if has_custom_data && timeline.with_custom_data == timeline.events.len() {
                    timeline.with_custom_data += 1;
                }
                timeline.events.push(event);
                bytes += body.len();
            }
            start = page.last_evaluated_key;
            timeline.whole = start.is_none();
            if timeline.whole || timeline.events.len() >= NEWEST_EVENTS || bytes >= EVENT_BYTES {
                break;
            }
        }
        timeline.events.reverse();
        timeline.decisions.reverse();
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
    /// An item as it is now.
    pub(super) async fn get(&self, table: &str, pk: String, sk: &str) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(table).key("pk", text(pk)).key("sk", text(sk));
        get.consistent_read(true)
            .send()
            .await
            .map(|output| output.item)
            .map_err(|error| StoreError::of("GetItem", error))
    }
}
