//! Lists of sessions in the order of their beginning: of any length, in the memory of a page for each shard.

use std::{cmp::Ordering, collections::VecDeque};

use futures_util::future::try_join_all;

use super::{
    SessionRow, Store, StoreError,
    items::{Item, from_item, number, text},
};
use crate::{protocol::AppId, session::keys};

const QUERY: &str = "Query";
const PAGE: i32 = 100;

/// Sessions that are listed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shelf {
    /// Those that belong to a user, and those of others in which the user has an event.
    User(String),
    /// Those that began on a day (`2027-02-01`, UTC).
    Day(String),
}

/// The order of a list. Sessions that began in the same millisecond are ordered by their ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The session that began first comes first.
    OldestFirst,
    /// The session that began last comes first.
    NewestFirst,
}

/// The place of a session in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionPlace {
    /// When it began, thirteen digits of milliseconds since the epoch.
    pub began_at: String,
    /// Its id.
    pub session: String,
}

impl SessionRow {
    /// Its place in a list.
    pub fn place(&self) -> SessionPlace {
        SessionPlace { began_at: self.began_at.clone(), session: self.session.clone() }
    }
}

/// The sessions of one partition of an index.
struct Pages<'a> {
    store: &'a Store,
    index: &'static str,
    key: &'static str,
    /// The attribute that orders the index.
    order_key: &'static str,
    value: String,
    /// The user whose sessions these are.
    user: Option<(AppId, String)>,
    order: Order,
    /// Only sessions that began then or come after it, thirteen digits of milliseconds since the epoch.
    from: Option<String>,
    now_seconds: u64,
    start: Option<Item>,
    done: bool,
}

impl Store {
    /// The sessions of a shelf: all, or those behind a place, which need not be a session's. Sessions
    /// that have expired by `now_seconds` are left out.
    pub fn sessions(
        &self,
        app: AppId,
        shelf: &Shelf,
        order: Order,
        after: Option<SessionPlace>,
        now_seconds: u64,
    ) -> Sessions<'_> {
        let from = after.as_ref().map(|place| place.began_at.clone());
        let partition = |index, key, order_key, value, user| Pages {
            store: self,
            index,
            key,
            order_key,
            value,
            user,
            order,
            from: from.clone(),
            now_seconds,
            start: None,
            done: false,
        };
        let pages = match shelf {
            Shelf::User(user) => {
                let value = keys::user(app, user);
                vec![partition("by-user", "by_user", "by_user_at", value, Some((app, user.clone())))]
            }
            Shelf::Day(day) => {
                let shard =
                    |shard| partition("by-day", "by_day", "by_day_at", keys::day(app, day, shard), None);
                (0..keys::DAY_SHARDS).map(shard).collect()
            }
        };
        Sessions { shards: pages.into_iter().map(|pages| (pages, VecDeque::new())).collect(), order, after }
    }

    /// The sessions of a user, newest first: all, or those that come after this one. What has expired
    /// by `now_seconds` is left out.
    pub fn sessions_of_user(
        &self,
        app: AppId,
        user_id: &str,
        after: Option<SessionRow>,
        now_seconds: u64,
    ) -> Sessions<'_> {
        let after = after.map(|row| row.place());
        self.sessions(app, &Shelf::User(user_id.to_owned()), Order::NewestFirst, after, now_seconds)
    }

    /// The sessions that began on a day (`2027-02-01`, UTC), likewise.
    pub fn sessions_of_day(
        &self,
        app: AppId,
        day: &str,
        after: Option<SessionRow>,
        now_seconds: u64,
    ) -> Sessions<'_> {
        let after = after.map(|row| row.place());
        self.sessions(app, &Shelf::Day(day.to_owned()), Order::NewestFirst, after, now_seconds)
    }
}

impl Pages<'_> {
    /// The next sessions; the list may be empty though there are more. `None` at the end.
    async fn next(&mut self) -> Result<Option<Vec<SessionRow>>, StoreError> {
        if self.done {
            return Ok(None);
        }
        let Self { key, order_key, order, .. } = *self;
        let mut query =
            self.store.client.query().table_name(&self.store.sessions_table).index_name(self.index);
        let condition = match self.from.clone() {
            None => format!("{key} = :value"),
            Some(from) => {
                query = query.expression_attribute_values(":from", text(from));
                let behind = if order == Order::OldestFirst { ">=" } else { "<=" };
                format!("{key} = :value AND {order_key} {behind} :from")
            }
        };
        let page = query
            .key_condition_expression(condition)
            // The by-user index holds decisions too, for erasure.
            .filter_expression(
                "(sk = :summary OR begins_with(sk, :further_user)) \
                 AND (attribute_not_exists(expires_at) OR expires_at > :now)",
            )
            .expression_attribute_values(":value", text(&self.value))
            .expression_attribute_values(":summary", text(keys::SUMMARY))
            .expression_attribute_values(":further_user", text(keys::FURTHER_USER))
            .expression_attribute_values(":now", number(self.now_seconds))
            .scan_index_forward(order == Order::OldestFirst)
            .set_exclusive_start_key(self.start.take())
            .limit(PAGE)
            .send()
            .await
            .map_err(|error| StoreError::of(QUERY, error))?;
        self.start = page.last_evaluated_key;
        self.done = self.start.is_none();
        let mut rows = Vec::new();
        for item in page.items.unwrap_or_default() {
            rows.extend(self.row(item).await?);
        }
        Ok(Some(rows))
    }

    /// The session that an item of the index stands for; `None` if the list has the session by another item, or
    /// the session is gone.
    async fn row(&self, item: Item) -> Result<Option<SessionRow>, StoreError> {
        let text_of = |name| item.get(name).and_then(|value| value.as_s().ok()).cloned();
        let is_further_user = text_of("sk").is_some_and(|sk| sk.starts_with(keys::FURTHER_USER));
        let (Some((app, user)), true) = (&self.user, is_further_user) else {
            return from_item(QUERY, item).map(Some);
        };
        let pk = text_of("pk").unwrap_or_default();
        let Some(session_id) = pk.strip_prefix(&keys::session(*app, "")) else { return Ok(None) };
        let row = self.store.session(*app, session_id).await?.filter(|row| {
            let is_owner = row.user.as_ref() == Some(user);
            !is_owner && row.expires_at.is_none_or(|expires_at| expires_at > self.now_seconds)
        });
        // The order of the index is that of the list.
        let began_at = text_of("by_user_at");
        Ok(row.map(|row| SessionRow { began_at: began_at.unwrap_or(row.began_at), ..row }))
    }
}

/// A list of sessions, merged from the shards of its index.
pub struct Sessions<'a> {
    /// Each with the rows that were read of it and not yet taken.
    shards: Vec<(Pages<'a>, VecDeque<SessionRow>)>,
    order: Order,
    after: Option<SessionPlace>,
}

impl Sessions<'_> {
    /// The next sessions, up to this many; fewer only at the end.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn take(&mut self, count: usize) -> Result<Vec<SessionRow>, StoreError> {
        let Self { shards, order, after } = self;
        let mut rows = Vec::new();
        while rows.len() < count {
            // At once: at the beginning that is every shard.
            let fills = shards.iter_mut().map(|(pages, read)| fill(pages, read, *order, after.as_ref()));
            try_join_all(fills).await?;
            let heads = shards.iter_mut().filter(|(_, read)| !read.is_empty());
            let first = heads.min_by(|(_, a), (_, b)| match (a.front(), b.front()) {
                (Some(a), Some(b)) => order.of(place(a), place(b)),
                _ => Ordering::Equal,
            });
            match first.and_then(|(_, read)| read.pop_front()) {
                Some(row) => rows.push(row),
                None => break,
            }
        }
        Ok(rows)
    }
}

/// Reads on until all sessions of the first millisecond are there: an index does not order those.
async fn fill(
    pages: &mut Pages<'_>,
    read: &mut VecDeque<SessionRow>,
    order: Order,
    after: Option<&SessionPlace>,
) -> Result<(), StoreError> {
    let began_at = |row: Option<&SessionRow>| row.map(|row| row.began_at.clone());
    while began_at(read.front()) == began_at(read.back()) {
        let Some(mut rows) = pages.next().await? else { return Ok(()) };
        rows.retain(|row| after.is_none_or(|after| order.of(after.borrowed(), place(row)) == Ordering::Less));
        read.extend(rows);
        read.make_contiguous().sort_by(|a, b| order.of(place(a), place(b)));
    }
    Ok(())
}

impl Order {
    /// Compares two places: when the session began, and its id.
    fn of(self, a: (&str, &str), b: (&str, &str)) -> Ordering {
        let began_at = match self {
            Self::OldestFirst => a.0.cmp(b.0),
            Self::NewestFirst => b.0.cmp(a.0),
        };
        began_at.then_with(|| a.1.cmp(b.1))
    }
}

fn place(row: &SessionRow) -> (&str, &str) {
    (&row.began_at, &row.session)
}

impl SessionPlace {
    fn borrowed(&self) -> (&str, &str) {
        (&self.began_at, &self.session)
    }
}
