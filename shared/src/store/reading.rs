//! Reading sessions back, for people and for the programs that `desk` serves.

use serde::{Deserialize, Serialize};

use super::{
    Kind, Store, StoreError,
    decisions::read_decision,
    events::day,
    items::{Item, KeptItem, from_item, part_key, text, unzip},
};
use crate::{
    protocol::{AppId, EventTime, SessionEvent, read},
    routing::DecisionRecord,
    session::keys,
};

const QUERY: &str = "Query";
/// The entries of a quarantine that one request reads.
const QUARANTINE_PAGE: i32 = 100;

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
    pub body: Vec<u8>,
}

/// The entries of a day's quarantine: a day of any length in the memory of one page and one body.
#[derive(Debug)]
pub struct QuarantineEntries<'a> {
    store: &'a Store,
    pk: String,
    /// The first and the last id.
    ids: (String, String),
    now_seconds: u64,
    /// Items that were read and not yet returned.
    page: std::vec::IntoIter<Item>,
    start: Option<Item>,
    done: bool,
}

impl QuarantineEntries<'_> {
    /// The next entry, with its body; `None` at the end.
    ///
    /// # Errors
    /// DynamoDB's, or an item that cannot be read.
    pub async fn next(&mut self) -> Result<Option<Quarantined>, StoreError> {
        loop {
            for item in self.page.by_ref() {
                if !expired(&item, self.now_seconds) {
                    return self.store.quarantine_item(item).await.map(Some);
                }
            }
            if self.done {
                return Ok(None);
            }
            self.read_page().await?;
        }
    }

    async fn read_page(&mut self) -> Result<(), StoreError> {
        let query = self.store.client.query().table_name(&self.store.sessions_table);
        let page = query
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .expression_attribute_values(":pk", text(&self.pk))
            .expression_attribute_values(":first", text(&self.ids.0))
            .expression_attribute_values(":last", text(&self.ids.1))
            .limit(QUARANTINE_PAGE)
            .consistent_read(true)
            .set_exclusive_start_key(self.start.take())
            .send()
            .await
            .map_err(|error| StoreError::of(QUERY, error))?;
        self.start = page.last_evaluated_key;
        self.done = self.start.is_none();
        self.page = page.items.unwrap_or_default().into_iter();
        Ok(())
    }
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
            return read_decision(QUERY, item).map(|decision| Moment::Decision(Box::new(decision)));
        }
        let kept: KeptItem = from_item(QUERY, item)?;
        let (received_at_ms, odd_time) = (kept.received_at, kept.odd_time);
        let body = String::from_utf8(self.body(kept).await?);
        let body = body.map_err(|_| StoreError::unreadable(QUERY, "an event that is not UTF-8"))?;
        let event = read(&body).ok().map(Box::new);
        Ok(Moment::Event { body, event, received_at_ms, odd_time })
    }

    /// The quarantine of a day (UTC), oldest entry first, without entries that have expired by `now_seconds`.
    pub fn quarantined(&self, app: AppId, on: EventTime, now_seconds: u64) -> QuarantineEntries<'_> {
        let first = String::from(keys::FIRST_QUARANTINED);
        self.quarantine_entries(app, on, (first, keys::AFTER_QUARANTINED.to_owned()), now_seconds)
    }

    /// The first entry of a day's quarantine whose id begins so; `None` if there is none.
    ///
    /// # Errors
    /// DynamoDB's, or an item that cannot be read.
    pub async fn quarantine_entry(
        &self,
        app: AppId,
        on: EventTime,
        beginning: &str,
        now_seconds: u64,
    ) -> Result<Option<Quarantined>, StoreError> {
        let ids = (beginning.to_owned(), format!("{beginning}~"));
        self.quarantine_entries(app, on, ids, now_seconds).next().await
    }

    fn quarantine_entries(
        &self,
        app: AppId,
        on: EventTime,
        ids: (String, String),
        now_seconds: u64,
    ) -> QuarantineEntries<'_> {
        let (pk, page) = (keys::quarantine(app, &day(on)), Vec::new().into_iter());
        QuarantineEntries { store: self, pk, ids, now_seconds, page, start: None, done: false }
    }

    /// An item as it is now: no reader lags behind.
    pub(super) async fn get_now(
        &self,
        table: &str,
        pk: String,
        sk: &str,
    ) -> Result<Option<Item>, StoreError> {
        let get = self.client.get_item().table_name(table).consistent_read(true);
        let output = get.key("pk", text(pk)).key("sk", text(sk)).send().await;
        output.map(|output| output.item).map_err(|error| StoreError::of("GetItem", error))
    }

    async fn quarantine_item(&self, item: Item) -> Result<Quarantined, StoreError> {
        let kept: KeptItem = from_item(QUERY, item)?;
        Ok(Quarantined {
            id: kept.sk.clone(),
            command: kept.command.clone(),
            reason: kept.reason.clone().unwrap_or_default(),
            received_at_ms: kept.received_at,
            expires_at: kept.expires_at,
            body: match self.body(kept).await {
                // An earlier version deleted the parts before the entry, and was interrupted.
                Err(error) if matches!(error.kind, Kind::Unreadable(_)) => Vec::new(),
                body => body?,
            },
        })
    }

    /// The body of an item, put together from its parts where it has any.
    pub(super) async fn body(&self, kept: KeptItem) -> Result<Vec<u8>, StoreError> {
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
        // What is left of a session that is gone names none.
        item.filter(|item| item.contains_key("session"))
            .map(|mut item| {
                // A row of one index has one of the two.
                item.remove("by_user_at");
                from_item("GetItem", item)
            })
            .transpose()
    }

    /// One session as the list of a user shows it; `None` if nothing is known of it.
    ///
    /// # Errors
    /// DynamoDB's, or an item that cannot be read.
    pub async fn session_of_user(
        &self,
        app: AppId,
        session_id: &str,
        user_id: &str,
    ) -> Result<Option<SessionRow>, StoreError> {
        let Some(row) = self.session(app, session_id).await? else { return Ok(None) };
        if row.user.as_deref() == Some(user_id) {
            return Ok(Some(row));
        }
        let (pk, sk) = (keys::session(app, session_id), keys::further_user(user_id));
        let further = self.get(&self.sessions_table, pk, &sk).await?;
        let began_at = further.and_then(|item| item.get("by_user_at")?.as_s().ok().cloned());
        Ok(Some(SessionRow { began_at: began_at.unwrap_or(row.began_at), ..row }))
    }
}
