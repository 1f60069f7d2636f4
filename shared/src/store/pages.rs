//! Sessions page by page: lists of any length in the memory of one page.

use super::{
    SessionRow, Store, StoreError,
    items::{Item, from_item, number, text},
};
use crate::{protocol::AppId, session::keys};

const QUERY: &str = "Query";
const PAGE: i32 = 100;

/// Sessions that stand together in an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Those of a user.
    User(String),
    /// One part of those that began on a day (`2027-02-01`, UTC).
    Day {
        /// The day.
        day: String,
        /// The part, below [`keys::DAY_SHARDS`].
        shard: u8,
    },
}

/// The sessions of a [`Shelf`], oldest first.
pub struct Pages<'a> {
    store: &'a Store,
    index: &'static str,
    key: &'static str,
    value: String,
    now_seconds: u64,
    start: Option<Item>,
    done: bool,
}

impl Store {
    /// The sessions of a shelf that stand behind this one, or all of them. What has expired by
    /// `now_seconds` is left out.
    pub fn pages(
        &self,
        app: AppId,
        shelf: &Shelf,
        behind: Option<&SessionRow>,
        now_seconds: u64,
    ) -> Pages<'_> {
        let (index, key, at, value) = match shelf {
            Shelf::User(user) => ("by-user", "by_user", "by_user_at", keys::user(app, user)),
            Shelf::Day { day, shard } => ("by-day", "by_day", "by_day_at", keys::day(app, day, *shard)),
        };
        let start = behind.map(|row| {
            let place = [
                ("pk", keys::session(app, &row.session)),
                ("sk", keys::SUMMARY.to_owned()),
                (key, value.clone()),
                (at, row.began_at.clone()),
            ];
            place.map(|(name, value)| (name.to_owned(), text(value))).into()
        });
        Pages { store: self, index, key, value, now_seconds, start, done: false }
    }
}

impl Pages<'_> {
    /// The next sessions, which may be none though there are more behind; `None` at the end.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn next(&mut self) -> Result<Option<Vec<SessionRow>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let query = self.store.client.query().table_name(&self.store.sessions_table).index_name(self.index);
        let page = query
            .key_condition_expression(format!("{} = :value", self.key))
            // The by-user index holds decisions too, for erasure.
            .filter_expression("sk = :summary AND (attribute_not_exists(expires_at) OR expires_at > :now)")
            .expression_attribute_values(":value", text(&self.value))
            .expression_attribute_values(":summary", text(keys::SUMMARY))
            .expression_attribute_values(":now", number(self.now_seconds))
            .set_exclusive_start_key(self.start.take())
            .limit(PAGE)
            .send()
            .await
            .map_err(|error| StoreError::of(QUERY, error))?;
        self.start = page.last_evaluated_key;
        self.done = self.start.is_none();
        let rows = page.items.unwrap_or_default().into_iter().map(|item| from_item(QUERY, item));
        rows.collect::<Result<_, _>>().map(Some)
    }
}
