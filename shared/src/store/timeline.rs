//! A session's partition, read for everything that looks at all of it: rebuilding and erasing.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{
    Store, StoreError,
    items::{from_item, part_key, text},
};
use crate::{
    digest::sha256_hex,
    protocol::{AppId, EventTime, SessionEvent, read},
    session::{Entry, Summary, fold, keys},
};

const QUERY: &str = "Query";
/// One more than the 200 items of a timeline that is read whole.
const PAGE: i32 = 201;

/// The attributes that are read of each item.
const ATTRIBUTES: [&str; 15] = [
    "sk",
    "event",
    "body",
    "brief",
    "rule",
    "version",
    "user",
    "received_at",
    "expires_at",
    "parts",
    "digest",
    "revision",
    "fold",
    "by_user",
    "by_day",
];

#[derive(Deserialize)]
struct ReadItem {
    sk: String,
    event: Option<String>,
    body: Option<String>,
    brief: Option<String>,
    rule: Option<String>,
    version: Option<u64>,
    user: Option<String>,
    #[serde(default)]
    received_at: u64,
    expires_at: Option<u64>,
    parts: Option<usize>,
    digest: Option<String>,
    revision: Option<u64>,
    fold: Option<u64>,
    by_user: Option<String>,
    by_day: Option<String>,
}

/// A session's partition.
#[derive(Default)]
pub(super) struct Partition {
    /// The summary item as it was before the timeline was read.
    pub summary: Option<SummaryItem>,
    /// The items of further users by their sort keys, with their expiry.
    pub further_users: BTreeMap<String, Option<u64>>,
    /// Events and decisions, newest first.
    pub timeline: Vec<TimelineItem>,
}

/// The parts of the summary item that a rebuild depends on.
pub(super) struct SummaryItem {
    pub revision: Option<u64>,
    pub form: Option<u64>,
    pub by_user: Option<String>,
    pub expires_at: Option<u64>,
    /// True if the indexes find it.
    pub is_listed: bool,
}

/// One item of the timeline.
pub(super) struct TimelineItem {
    pub sk: String,
    pub entry: TimelineEntry,
    /// The user that the item names; `None` also if the text that names the user was not read.
    pub user: Option<String>,
    /// True if the text that names the user was read.
    pub is_told: bool,
    pub received_at: u64,
    pub expires_at: Option<u64>,
    /// The sort keys of the parts of its body.
    pub parts: Vec<String>,
    /// Places the item in the timeline, whatever came first.
    place: String,
}

/// The content of an item of the timeline.
pub(super) enum TimelineEntry {
    Event(Box<SessionEvent>),
    Unreadable(EventTime),
    Decision { at: EventTime, rule: String, version: Option<u64> },
}

impl Store {
    /// Reads a session's partition as it is now, by consistent reads. `None` if it has more than a page
    /// and only a page was asked for.
    ///
    /// The parts of large bodies are not read: three of them would be more than a page.
    pub(super) async fn session_partition(
        &self,
        app: AppId,
        session_id: &str,
        only_a_page: bool,
    ) -> Result<Option<Partition>, StoreError> {
        let mut partition = Partition::default();
        // A rebuild writes only if the summary item is still the one that was read before the timeline.
        for range in [[keys::SUMMARY, keys::BEHIND_FURTHER_USERS], [keys::TIMELINE, keys::BEHIND_TIMELINE]] {
            let mut start = None;
            loop {
                let [first, last] = range.map(text);
                let mut query = self
                    .client
                    .query()
                    .table_name(&self.sessions_table)
                    .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
                    .expression_attribute_values(":pk", text(keys::session(app, session_id)))
                    .expression_attribute_values(":first", first)
                    .expression_attribute_values(":last", last)
                    .projection_expression(ATTRIBUTES.map(|name| format!("#{name}")).join(", "))
                    .scan_index_forward(false)
                    .limit(PAGE)
                    .set_exclusive_start_key(start)
                    .consistent_read(true);
                for name in ATTRIBUTES {
                    query = query.expression_attribute_names(format!("#{name}"), name);
                }
                let page = query.send().await.map_err(|error| StoreError::of(QUERY, error))?;
                for item in page.items.unwrap_or_default() {
                    partition.take(session_id, from_item(QUERY, item)?);
                }
                start = page.last_evaluated_key;
                match &start {
                    None => break,
                    Some(_) if only_a_page => return Ok(None),
                    Some(_) => {}
                }
            }
        }
        Ok(Some(partition))
    }
}

impl Partition {
    fn take(&mut self, session_id: &str, item: ReadItem) {
        if item.sk == keys::SUMMARY {
            let ReadItem { revision, fold, by_user, expires_at, by_day, .. } = item;
            let is_listed = by_day.is_some();
            self.summary = Some(SummaryItem { revision, form: fold, by_user, expires_at, is_listed });
        } else if item.sk.starts_with(keys::FURTHER_USER) {
            self.further_users.insert(item.sk, item.expires_at);
        } else if item.sk.starts_with(keys::TIMELINE) {
            self.timeline.push(TimelineItem::new(session_id, item));
        }
    }

    /// The summary of the timeline.
    pub(super) fn fold(&self) -> Summary {
        fold(self.timeline.iter().map(|item| {
            let entry = match &item.entry {
                TimelineEntry::Event(event) => Entry::Event(event),
                TimelineEntry::Unreadable(at) => Entry::Unreadable(*at),
                TimelineEntry::Decision { at, rule, version } => {
                    Entry::Decision { at: *at, rule, version: *version }
                }
            };
            (item.place.as_str(), entry)
        }))
    }

    /// When the last item of the timeline may be forgotten; `None` if one is kept for ever.
    pub(super) fn expires_at(&self) -> Option<u64> {
        let last = |last: Option<u64>, item: &TimelineItem| {
            last.zip(item.expires_at).map(|(last, this)| last.max(this))
        };
        self.timeline.iter().fold(Some(0), last)
    }

    /// True if the timeline has decisions only, or nothing.
    pub(super) fn has_no_event(&self) -> bool {
        self.timeline.iter().all(|item| matches!(item.entry, TimelineEntry::Decision { .. }))
    }

    /// The owner of the session: the user of its first event that names one.
    pub(super) fn owner(&self, app: AppId) -> Option<String> {
        self.fold().user.or_else(|| self.stored_owner(app).map(str::to_owned))
    }

    /// The owner of the session as its summary item has it.
    pub(super) fn stored_owner(&self, app: AppId) -> Option<&str> {
        self.summary.as_ref()?.by_user.as_deref()?.strip_prefix(&keys::user(app, ""))
    }
}

impl TimelineItem {
    fn new(session_id: &str, item: ReadItem) -> Self {
        let at = keys::time_of(&item.sk).unwrap_or(EventTime::MAX);
        let parts = (0..item.parts.unwrap_or_default())
            .map(|part| part_key(item.digest.as_deref().unwrap_or_default(), part))
            .collect();
        let is_told = item.event.is_none() || item.body.is_some() || item.brief.is_some();
        let body = item.body.or(item.brief);
        // Which of two contents has the key itself depends on which came first: their digests do not. Of two
        // large ones with the same brief form, each counts.
        let content = body.as_deref().map(|body| sha256_hex(body.as_bytes())).unwrap_or_default();
        let place = format!("{}#{content}#{}", keys::without_conflict(&item.sk), item.sk);
        let mut user = item.user;
        let entry = match (item.event, item.rule) {
            (Some(kind), _) => {
                let bare = || {
                    serde_json::json!({ "SessionId": session_id, "Event": kind, "EventTime": at }).to_string()
                };
                let body = body.unwrap_or_else(bare);
                match read::<SessionEvent>(&body) {
                    Ok(event) => {
                        user.clone_from(&event.client_user_id);
                        TimelineEntry::Event(Box::new(without_texts(event)))
                    }
                    Err(_) => {
                        user = user_in_json(body.as_bytes());
                        TimelineEntry::Unreadable(at)
                    }
                }
            }
            (None, Some(rule)) => TimelineEntry::Decision { at, rule, version: item.version },
            (None, None) => TimelineEntry::Unreadable(at),
        };
        let (received_at, expires_at) = (item.received_at, item.expires_at);
        Self { sk: item.sk, entry, user, is_told, received_at, expires_at, parts, place }
    }

    /// The event, if it is one that this version can read.
    pub(super) fn event(&self) -> Option<&SessionEvent> {
        match &self.entry {
            TimelineEntry::Event(event) => Some(event),
            _ => None,
        }
    }
}

/// The user that a body names, as far as it can be read.
pub(super) fn user_named_in(body: &[u8]) -> Option<String> {
    match read::<SessionEvent>(body) {
        Ok(event) => event.client_user_id,
        Err(_) => user_in_json(body),
    }
}

/// The user that a JSON document names, whatever else it holds.
fn user_in_json(body: &[u8]) -> Option<String> {
    let body: serde_json::Value = serde_json::from_slice(body).ok()?;
    body["ClientUserId"].as_str().map(str::to_owned)
}

/// Drops the texts: a fold does not need them, and those of a long session would fill the memory.
fn without_texts(event: SessionEvent) -> SessionEvent {
    SessionEvent { msg_body: Default::default(), cloud_custom_data: None, ..event }
}
