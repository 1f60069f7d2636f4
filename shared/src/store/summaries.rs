//! Summaries: a session's story, folded and written where lists and people find it.

use serde::Deserialize;

use super::{
    Store, StoreError,
    events::{day, unless_condition_failed},
    items::{from_item, number, text},
    ports::{FoldSessions, Folded, Reach},
};
use crate::{
    digest::sha256_hex,
    protocol::{AppId, EventTime, SessionEvent, read},
    session::{Entry, FOLD, Summary, fold, keys},
};

/// A session of up to so many items is folded in one round trip.
const PAGE: i32 = 200;

const QUERY: &str = "Query";
const UPDATE: &str = "UpdateItem";

/// What a fold needs of an item of the story.
#[derive(Deserialize)]
struct StoryItem {
    sk: String,
    #[serde(default)]
    event: Option<String>,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    brief: Option<String>,
    #[serde(default)]
    rule: Option<String>,
    #[serde(default)]
    version: Option<u64>,
    #[serde(default)]
    expires_at: Option<u64>,
}

/// A story as it is at one moment.
#[derive(Default)]
struct FoldedStory {
    /// By keys that order it, whatever order things arrived in.
    items: Vec<(String, Happened)>,
    /// When the last of it may be forgotten; `None` if anything is kept for ever.
    expires_at: Option<u64>,
}

/// The same, understood.
enum Happened {
    Event(Box<SessionEvent>),
    Unreadable(EventTime),
    Decision { at: EventTime, rule: String, version: Option<u64> },
}

impl FoldSessions for Store {
    async fn fold(
        &self,
        app: AppId,
        session_id: &str,
        reach: Reach,
        now_ms: u64,
    ) -> Result<Folded, StoreError> {
        let Some(story) = self.folded_items(app, session_id, reach).await? else {
            return Ok(Folded::TooLong);
        };
        if story.items.is_empty() {
            return Ok(Folded::Nothing);
        }
        let summary = fold(story.items.iter().map(|(key, happened)| {
            let entry = match happened {
                Happened::Event(event) => Entry::Event(event),
                Happened::Unreadable(at) => Entry::Unreadable(*at),
                Happened::Decision { at, rule, version } => {
                    Entry::Decision { at: *at, rule, version: *version }
                }
            };
            (key.as_str(), entry)
        }));
        self.write_summary(app, session_id, &summary, story.expires_at, now_ms).await?;
        Ok(Folded::Written(Box::new(summary)))
    }
}

impl Store {
    /// The story as it is at this moment, by its keys: no reader lags behind. `None` if it goes on
    /// beyond the reach.
    async fn folded_items(
        &self,
        app: AppId,
        session_id: &str,
        reach: Reach,
    ) -> Result<Option<FoldedStory>, StoreError> {
        let mut story = FoldedStory { items: Vec::new(), expires_at: Some(0) };
        let mut start = None;
        loop {
            let query = self
                .client
                .query()
                .table_name(&self.sessions_table)
                .key_condition_expression("pk = :pk AND begins_with(sk, :timeline)")
                .projection_expression("sk, #event, #body, brief, #rule, #version, expires_at")
                .expression_attribute_names("#event", "event")
                .expression_attribute_names("#body", "body")
                .expression_attribute_names("#rule", "rule")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":pk", text(keys::session(app, session_id)))
                .expression_attribute_values(":timeline", text(keys::TIMELINE))
                .limit(PAGE)
                .set_exclusive_start_key(start)
                .consistent_read(true);
            let page = query.send().await.map_err(|error| StoreError::of(QUERY, error))?;
            for item in page.items.unwrap_or_default() {
                let item: StoryItem = from_item(QUERY, item)?;
                story.expires_at = story.expires_at.zip(item.expires_at).map(|(last, this)| last.max(this));
                story.items.push(happened(session_id, item));
            }
            start = page.last_evaluated_key;
            match (&start, reach) {
                (None, _) => return Ok(Some(story)),
                (Some(_), Reach::Page) => return Ok(None),
                (Some(_), Reach::Whole) => {}
            }
        }
    }

    /// Writes a summary, unless a newer one is there: of a later form, or of as many items.
    async fn write_summary(
        &self,
        app: AppId,
        session_id: &str,
        summary: &Summary,
        expires_at: Option<u64>,
        now_ms: u64,
    ) -> Result<(), StoreError> {
        let Some(began_at) = summary.began_at else { return Ok(()) };
        let json = serde_json::to_string(summary)
            .map_err(|error| StoreError::unreadable(UPDATE, error.to_string()))?;
        let began_on = keys::day(app, &day(began_at), keys::day_shard(session_id));
        let user = summary.user.as_ref().map(|user| keys::user(app, user)).filter(|key| keys::fits(key));
        let fields = [
            ("session", Some(text(session_id))),
            ("by_day", Some(text(began_on))),
            ("by_day_at", Some(text(began_at.to_string()))),
            ("user", summary.user.clone().map(text)),
            ("by_user_at", user.as_ref().map(|_| text(began_at.to_string()))),
            ("by_user", user.map(text)),
            ("channel", summary.channel.clone().map(text)),
            ("agent", summary.agents.last().map(|stint| text(&stint.agent))),
            ("ended_at", summary.ended_at.map(|at| number(at.as_ms()))),
            ("summary", Some(text(json))),
            ("fold", Some(number(FOLD))),
            ("items", Some(number(summary.items))),
            ("folded_at", Some(number(now_ms))),
            ("expires_at", expires_at.map(number)),
        ];
        let mut update = self
            .client
            .update_item()
            .table_name(&self.sessions_table)
            .key("pk", text(keys::session(app, session_id)))
            .key("sk", text(keys::SUMMARY))
            .condition_expression(
                "attribute_not_exists(#fold) OR #fold < :fold OR (#fold = :fold AND #items < :items)",
            );
        let mut set = Vec::new();
        for (name, value) in fields {
            let Some(value) = value else { continue };
            set.push(format!("#{name} = :{name}"));
            update = update.expression_attribute_names(format!("#{name}"), name);
            update = update.expression_attribute_values(format!(":{name}"), value);
        }
        // As long as anything of its session, however long that is kept.
        let for_ever = if expires_at.is_none() { " REMOVE expires_at" } else { "" };
        let update = update.update_expression(format!("SET {}{for_ever}", set.join(", ")));
        unless_condition_failed(update.send().await)
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

fn happened(session_id: &str, item: StoryItem) -> (String, Happened) {
    let at = keys::time_of(&item.sk).unwrap_or(EventTime::MAX);
    // Which of two contents has the key itself depends on which came first: their digests do not.
    let body = item.body.or(item.brief);
    let content = body.as_deref().map(|body| sha256_hex(body.as_bytes())).unwrap_or_default();
    let key = format!("{}#{content}", keys::without_conflict(&item.sk));
    let happened = match (item.event, item.rule) {
        (Some(kind), _) => {
            let bare =
                || serde_json::json!({ "SessionId": session_id, "Event": kind, "EventTime": at }).to_string();
            read(&body.unwrap_or_else(bare))
                .map_or(Happened::Unreadable(at), |event| Happened::Event(Box::new(without_texts(event))))
        }
        (None, Some(rule)) => Happened::Decision { at, rule, version: item.version },
        (None, None) => Happened::Unreadable(at),
    };
    (key, happened)
}

/// What a fold has no use for, and would fill the memory of a long one.
fn without_texts(event: SessionEvent) -> SessionEvent {
    SessionEvent { msg_body: Default::default(), cloud_custom_data: None, ..event }
}
