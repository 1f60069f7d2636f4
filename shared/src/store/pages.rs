//! Sessions page by page: lists of any length in the memory of a page.

use std::{cmp::Ordering, collections::VecDeque};

use futures_util::future::try_join_all;

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

/// The sessions of a [`Shelf`] in the order of their beginning.
pub struct Pages<'a> {
    store: &'a Store,
    index: &'static str,
    key: &'static str,
    /// The attribute that orders the index.
    order: &'static str,
    value: String,
    newest_first: bool,
    /// Only what began then or earlier, thirteen digits of milliseconds since the epoch.
    until: Option<String>,
    now_seconds: u64,
    start: Option<Item>,
    done: bool,
}

impl Store {
    /// The sessions of a shelf, oldest first: all, or those that stand behind this one. What has expired
    /// by `now_seconds` is left out.
    pub fn pages(
        &self,
        app: AppId,
        shelf: &Shelf,
        behind: Option<&SessionRow>,
        now_seconds: u64,
    ) -> Pages<'_> {
        let (index, key, order, value) = match shelf {
            Shelf::User(user) => ("by-user", "by_user", "by_user_at", keys::user(app, user)),
            Shelf::Day { day, shard } => ("by-day", "by_day", "by_day_at", keys::day(app, day, *shard)),
        };
        let start = behind.map(|row| {
            let place = [
                ("pk", keys::session(app, &row.session)),
                ("sk", keys::SUMMARY.to_owned()),
                (key, value.clone()),
                (order, row.began_at.clone()),
            ];
            place.map(|(name, value)| (name.to_owned(), text(value))).into()
        });
        let (newest_first, until, done) = (false, None, false);
        Pages { store: self, index, key, order, value, newest_first, until, now_seconds, start, done }
    }

    /// The sessions of a user, newest first: all, or those that come after this one. What has expired
    /// by `now_seconds` is left out.
    pub fn sessions_of_user(
        &self,
        app: AppId,
        user_id: &str,
        after: Option<SessionRow>,
        now_seconds: u64,
    ) -> Newest<'_> {
        self.newest(app, &[Shelf::User(user_id.to_owned())], after, now_seconds)
    }

    /// The sessions that began on a day (`2027-02-01`, UTC), likewise.
    pub fn sessions_of_day(
        &self,
        app: AppId,
        day: &str,
        after: Option<SessionRow>,
        now_seconds: u64,
    ) -> Newest<'_> {
        let shelf = |shard| Shelf::Day { day: day.to_owned(), shard };
        self.newest(app, &(0..keys::DAY_SHARDS).map(shelf).collect::<Vec<_>>(), after, now_seconds)
    }

    fn newest(
        &self,
        app: AppId,
        shelves: &[Shelf],
        after: Option<SessionRow>,
        now_seconds: u64,
    ) -> Newest<'_> {
        let until = after.as_ref().map(|row| row.began_at.clone());
        let pages = |shelf| Pages {
            newest_first: true,
            until: until.clone(),
            ..self.pages(app, shelf, None, now_seconds)
        };
        Newest { shelves: shelves.iter().map(|shelf| (pages(shelf), VecDeque::new())).collect(), after }
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
        let Self { key, order, .. } = *self;
        let mut query =
            self.store.client.query().table_name(&self.store.sessions_table).index_name(self.index);
        let condition = match self.until.clone() {
            None => format!("{key} = :value"),
            Some(until) => {
                query = query.expression_attribute_values(":until", text(until));
                format!("{key} = :value AND {order} <= :until")
            }
        };
        let page = query
            .key_condition_expression(condition)
            // The by-user index holds decisions too, for erasure.
            .filter_expression("sk = :summary AND (attribute_not_exists(expires_at) OR expires_at > :now)")
            .expression_attribute_values(":value", text(&self.value))
            .expression_attribute_values(":summary", text(keys::SUMMARY))
            .expression_attribute_values(":now", number(self.now_seconds))
            .scan_index_forward(!self.newest_first)
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

/// Sessions of one or more shelves, newest first; those of one moment by their ids.
pub struct Newest<'a> {
    /// What was read of each shelf and not yet taken.
    shelves: Vec<(Pages<'a>, VecDeque<SessionRow>)>,
    after: Option<SessionRow>,
}

impl Newest<'_> {
    /// The next sessions, up to this many; fewer only at the end.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn take(&mut self, count: usize) -> Result<Vec<SessionRow>, StoreError> {
        let mut rows = Vec::new();
        while rows.len() < count {
            // At once: at the beginning that is every shelf.
            try_join_all(self.shelves.iter_mut().map(|(pages, read)| fill(pages, read, self.after.as_ref())))
                .await?;
            let heads = self.shelves.iter_mut().filter(|(_, read)| !read.is_empty());
            let newest = heads.min_by(|(_, a), (_, b)| match (a.front(), b.front()) {
                (Some(a), Some(b)) => order(a, b),
                _ => Ordering::Equal,
            });
            match newest.and_then(|(_, read)| read.pop_front()) {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }
}

/// Reads on until all that began in the newest moment is there: an index has no order among those.
async fn fill(
    pages: &mut Pages<'_>,
    read: &mut VecDeque<SessionRow>,
    after: Option<&SessionRow>,
) -> Result<(), StoreError> {
    let moment = |row: Option<&SessionRow>| row.map(|row| row.began_at.clone());
    while moment(read.front()) == moment(read.back()) {
        let Some(mut rows) = pages.next().await? else { return Ok(()) };
        rows.retain(|row| after.is_none_or(|after| order(after, row) == Ordering::Less));
        read.extend(rows);
        read.make_contiguous().sort_by(order);
    }
    Ok(())
}

fn order(a: &SessionRow, b: &SessionRow) -> Ordering {
    b.began_at.cmp(&a.began_at).then_with(|| a.session.cmp(&b.session))
}
