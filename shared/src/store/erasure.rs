//! Erasing what is known of a user.

use std::collections::{BTreeSet, HashSet};

use aws_sdk_dynamodb::types::ReturnValue;

use super::{
    Store, StoreError,
    events::day,
    items::{Item, KeptItem, from_item, part_key, text},
    ports::{FoldSessions, Reach},
    timeline::{Partition, TimelineItem, user_named_in},
};
use crate::{
    protocol::{AppId, EventTime},
    session::keys,
};

const QUERY: &str = "Query";
const DELETE: &str = "DeleteItem";
/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// The counts of what an erasure deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Receipt {
    /// Sessions that belonged to the user, each with all that stood in it.
    pub sessions: usize,
    /// Sessions of other users, of which only the user's own events and decisions went.
    pub shared: usize,
    /// Items of both: events and decisions, summaries and parts of bodies.
    pub items: usize,
    /// Entries of the quarantine that name the user.
    pub quarantined: usize,
    /// The profile and the attributes.
    pub of_the_user: usize,
}

impl Store {
    /// Deletes every session of a user, the user's events and decisions in sessions of others, the profile and the
    /// attributes.
    ///
    /// May be interrupted and repeated at any time. An index lags behind its table, so it is queried until it
    /// finds nothing. `progress` gets the counts so far.
    ///
    /// # Errors
    /// DynamoDB's; deleted items stay deleted.
    pub async fn erase_user(
        &self,
        app: AppId,
        user_id: &str,
        now_ms: u64,
        mut progress: impl FnMut(&Receipt),
    ) -> Result<Receipt, StoreError> {
        let mut receipt = Receipt::default();
        let by_user = keys::user(app, user_id);
        let mut erased = HashSet::new();
        loop {
            let before = receipt.items;
            for pk in self.partitions_of(&by_user).await?.into_iter().collect::<BTreeSet<_>>() {
                let Some(session_id) = pk.strip_prefix(&keys::session(app, "")) else { continue };
                // An event that arrives meanwhile is in no index yet, so the session is read again.
                loop {
                    let partition = self.session_partition(app, session_id, false).await?.unwrap_or_default();
                    let belongs_to_user = partition.owner(app).as_deref() == Some(user_id);
                    let items = if belongs_to_user {
                        self.delete_partition(&pk).await?
                    } else {
                        self.delete_from(app, session_id, user_id, &partition, now_ms).await?
                    };
                    if items == 0 {
                        break;
                    }
                    receipt.items += items;
                    // A session that was written to meanwhile is counted once.
                    if erased.insert(pk.clone()) {
                        *(if belongs_to_user { &mut receipt.sessions } else { &mut receipt.shared }) += 1;
                        progress(&receipt);
                    }
                }
            }
            if receipt.items == before {
                break;
            }
        }
        receipt.of_the_user += usize::from(self.delete(&self.sessions_table, &by_user, keys::PROFILE).await?);
        receipt.of_the_user += usize::from(self.delete(&self.rules_table, &by_user, keys::ATTRIBUTES).await?);
        Ok(receipt)
    }

    /// Deletes the entries of a day's quarantine that name a user, and returns how many there were.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn erase_quarantined(
        &self,
        app: AppId,
        user_id: &str,
        on: EventTime,
    ) -> Result<usize, StoreError> {
        let mut gone = 0;
        let mut entries = self.quarantined(app, on, 0);
        while let Some(entry) = entries.next().await? {
            if names(&entry.body, user_id) {
                gone += usize::from(self.release(app, on, &entry.id).await?);
            }
        }
        Ok(gone)
    }

    /// Deletes an entry of a day's quarantine with its parts. Returns whether there was one.
    ///
    /// Entries with the same body share its parts: these are deleted with the last of them.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn release(&self, app: AppId, on: EventTime, entry: &str) -> Result<bool, StoreError> {
        let pk = keys::quarantine(app, &day(on));
        let Some(item) = self.get(&self.sessions_table, pk.clone(), entry).await? else { return Ok(false) };
        let KeptItem { parts, digest, .. } = from_item("GetItem", item)?;
        // The entry first: an entry whose parts are missing could not be replayed any more.
        let is_deleted = self.delete(&self.sessions_table, &pk, entry).await?;
        if let (Some(parts), Some(digest)) = (parts, digest)
            && !self.is_digest_in_quarantine(&pk, &digest).await?
        {
            for part in 0..parts {
                self.delete(&self.sessions_table, &pk, &part_key(&digest, part)).await?;
            }
        }
        Ok(is_deleted)
    }

    /// True if an entry of a day's quarantine has its body in the parts of this digest.
    async fn is_digest_in_quarantine(&self, pk: &str, digest: &str) -> Result<bool, StoreError> {
        let mut entries = self
            .client
            .query()
            .table_name(&self.sessions_table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .filter_expression("digest = :digest")
            .expression_attribute_values(":pk", text(pk))
            .expression_attribute_values(":first", text(keys::FIRST_QUARANTINED))
            .expression_attribute_values(":last", text(keys::AFTER_QUARANTINED))
            .expression_attribute_values(":digest", text(digest))
            .projection_expression("sk")
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        entries.try_next().await.map(|entry| entry.is_some()).map_err(|error| StoreError::of(QUERY, error))
    }

    /// The partitions in which a user has something, as the index knows them.
    async fn partitions_of(&self, by_user: &str) -> Result<Vec<String>, StoreError> {
        let items = self
            .client
            .query()
            .table_name(&self.sessions_table)
            .index_name("by-user")
            .key_condition_expression("by_user = :user")
            .projection_expression("pk")
            .expression_attribute_values(":user", text(by_user))
            .into_paginator()
            .items()
            .send();
        let items: Vec<Item> =
            items.collect::<Result<_, _>>().await.map_err(|error| StoreError::of(QUERY, error))?;
        Ok(items.iter().filter_map(|item| item.get("pk")?.as_s().ok().cloned()).collect())
    }

    /// Deletes a session.
    ///
    /// An erasure that was interrupted must find the session again, with the same owner, and so must the other
    /// users find what is left of theirs. So the items that the index has of users go last, the summary after the
    /// others, and before them the first event, which names the owner.
    async fn delete_partition(&self, pk: &str) -> Result<usize, StoreError> {
        let mut gone = 0;
        loop {
            let finds = |sk: &String| sk == keys::SUMMARY || sk.starts_with(keys::FURTHER_USER);
            let (last, others): (Vec<_>, Vec<_>) = self.sort_keys(pk).await?.into_iter().partition(finds);
            // Items that were written in the meantime are deleted before the last ones.
            let now = if others.is_empty() { last } else { others };
            if now.is_empty() {
                return Ok(gone);
            }
            for sk in now.into_iter().rev() {
                gone += usize::from(self.delete(&self.sessions_table, pk, &sk).await?);
            }
        }
    }

    /// Deletes a user's events and decisions in a session of another user, and rebuilds its summary.
    ///
    /// The item through which the user finds the session goes last. A user who only asked for an agent has none and
    /// gets one in the meantime, so that an interrupted erasure is finished by the next one.
    async fn delete_from(
        &self,
        app: AppId,
        session_id: &str,
        user_id: &str,
        partition: &Partition,
        now_ms: u64,
    ) -> Result<usize, StoreError> {
        let (pk, further_user) = (keys::session(app, session_id), keys::further_user(user_id));
        let mut theirs = Vec::new();
        for item in &partition.timeline {
            if self.user_of(&pk, item).await?.as_deref() == Some(user_id) {
                theirs.push(item);
            }
        }
        let owns_summary = partition.stored_owner(app) == Some(user_id);
        let is_found = owns_summary || partition.further_users.contains_key(&further_user);
        if theirs.is_empty() && !is_found {
            return Ok(0);
        }
        if !is_found {
            let at = theirs.first().and_then(|item| keys::time_of(&item.sk)).unwrap_or(EventTime::MAX);
            self.put_further_user(app, session_id, user_id, &at.to_string(), None).await?;
        }
        let mut gone = 0;
        for item in theirs {
            // The item names its parts, so that they go first.
            for sk in item.parts.iter().chain([&item.sk]) {
                gone += usize::from(self.delete(&self.sessions_table, &pk, sk).await?);
            }
        }
        if partition.summary.is_some() {
            self.fold(app, session_id, Reach::Whole, now_ms).await?;
        }
        if owns_summary {
            // A summary of a newer form is left alone by the rebuild.
            let now = self.session_partition(app, session_id, false).await?.unwrap_or_default();
            if now.stored_owner(app) == Some(user_id) {
                let what = "a summary still names the user: a newer version wrote it, or an event arrived \
                            meanwhile; erase the user again with the newest version of desk";
                return Err(StoreError::unreadable("Erase", what));
            }
        }
        let deleted = self.delete(&self.sessions_table, &pk, &further_user).await?;
        Ok(gone + usize::from(deleted && is_found))
    }

    /// The user that an item of the timeline names; a large body without its brief form is read for it.
    async fn user_of(&self, pk: &str, item: &TimelineItem) -> Result<Option<String>, StoreError> {
        if item.is_told {
            return Ok(item.user.clone());
        }
        match self.get_now(&self.sessions_table, pk.to_owned(), &item.sk).await? {
            Some(whole) => Ok(user_named_in(&self.body(from_item("GetItem", whole)?).await?)),
            None => Ok(None),
        }
    }

    /// The sort keys of all items that are in a partition now.
    async fn sort_keys(&self, pk: &str) -> Result<Vec<String>, StoreError> {
        let items = self
            .client
            .query()
            .table_name(&self.sessions_table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(pk))
            .projection_expression("sk")
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let items: Vec<Item> =
            items.collect::<Result<_, _>>().await.map_err(|error| StoreError::of(QUERY, error))?;
        Ok(items.iter().filter_map(|item| item.get("sk")?.as_s().ok().cloned()).collect())
    }

    /// Deletes an item. Returns whether it existed.
    async fn delete(&self, table: &str, pk: &str, sk: &str) -> Result<bool, StoreError> {
        let delete = self.client.delete_item().table_name(table).key("pk", text(pk)).key("sk", text(sk));
        let delete = delete.return_values(ReturnValue::AllOld);
        let output = delete.send().await.map_err(|error| StoreError::of(DELETE, error))?;
        Ok(output.attributes.is_some_and(|item| !item.is_empty()))
    }
}

/// True if a quarantined body names a user: as its `ClientUserId`, or in any string if it is not valid JSON.
fn names(body: &[u8], user_id: &str) -> bool {
    let text = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    match serde_json::from_slice::<serde_json::Value>(text) {
        Ok(_) => user_named_in(text).as_deref() == Some(user_id),
        Err(_) => has_string(text, user_id),
    }
}

/// True if a JSON string with this value stands between two quotes, however it is escaped.
///
/// It is unknown which quotes begin a string: the body may be cut off anywhere.
fn has_string(body: &[u8], value: &str) -> bool {
    let (mut quote, mut is_escaped) = (None, false);
    for (at, byte) in body.iter().enumerate() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' => is_escaped = true,
            b'"' => {
                let string = quote.replace(at).and_then(|quote| body.get(quote..=at));
                if string.and_then(|string| serde_json::from_slice::<String>(string).ok()).as_deref()
                    == Some(value)
                {
                    return true;
                }
            }
            _ => {}
        }
    }
    false
}
