//! Erasing what is known of a user.

use std::collections::{BTreeSet, HashSet};

use aws_sdk_dynamodb::types::ReturnValue;

use super::{
    Store, StoreError,
    events::day,
    items::{Item, KeptItem, from_item, part_key, text},
};
use crate::{
    protocol::{AppId, EventTime, SessionEvent, read},
    session::keys,
};

const QUERY: &str = "Query";
const DELETE: &str = "DeleteItem";

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Receipt {
    /// Sessions, each with all that stood in it.
    pub sessions: usize,
    /// Items of their stories: events and decisions, summaries and parts of bodies.
    pub items: usize,
    /// Entries of the quarantine that name the user.
    pub quarantined: usize,
    /// The profile and the attributes.
    pub of_the_user: usize,
}

impl Store {
    /// Deletes every session of a user, the profile, and what the business said of the user.
    ///
    /// May be broken off and begun again at any time: what is gone is not found again. An index
    /// lags behind its table, so that it looks until it finds nothing. `progress` is told what went
    /// so far.
    ///
    /// # Errors
    /// DynamoDB's; what went until then stays gone.
    pub async fn erase_user(
        &self,
        app: AppId,
        user_id: &str,
        mut progress: impl FnMut(&Receipt),
    ) -> Result<Receipt, StoreError> {
        let mut receipt = Receipt::default();
        let by_user = keys::user(app, user_id);
        let mut erased = HashSet::new();
        loop {
            let before = receipt.items;
            for session in self.partitions_of(&by_user).await?.into_iter().collect::<BTreeSet<_>>() {
                let items = self.delete_partition(&session).await?;
                receipt.items += items;
                // A session that was written to meanwhile comes back, and is counted once.
                if items > 0 && erased.insert(session) {
                    receipt.sessions += 1;
                    progress(&receipt);
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

    /// Deletes an entry of a day's quarantine with all its parts. Returns whether there was one.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn release(&self, app: AppId, on: EventTime, entry: &str) -> Result<bool, StoreError> {
        let pk = keys::quarantine(app, &day(on));
        let Some(item) = self.get(&self.sessions_table, pk.clone(), entry).await? else { return Ok(false) };
        let kept: KeptItem = from_item("GetItem", item)?;
        // The entry last: while anything is left of it, it is found.
        for part in 0..kept.parts.unwrap_or_default() {
            let sk = part_key(kept.digest.as_deref().unwrap_or_default(), part);
            self.delete(&self.sessions_table, &pk, &sk).await?;
        }
        self.delete(&self.sessions_table, &pk, entry).await
    }

    /// The partitions of a user's sessions, as the index knows them.
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

    /// The summary goes last: while anything is left of a session, it is found by its user.
    async fn delete_partition(&self, pk: &str) -> Result<usize, StoreError> {
        let mut gone = 0;
        loop {
            let items = self.partition(pk, Some("sk")).await?;
            let sks: Vec<_> = items.iter().filter_map(|item| item.get("sk")?.as_s().ok()).collect();
            let (summary, others): (Vec<_>, Vec<_>) = sks.into_iter().partition(|sk| *sk == keys::SUMMARY);
            // What came while the others went is looked for before the summary goes.
            let now = if others.is_empty() { summary } else { others };
            if now.is_empty() {
                return Ok(gone);
            }
            for sk in now {
                gone += usize::from(self.delete(&self.sessions_table, pk, sk).await?);
            }
        }
    }

    /// All items of a partition as they are now, or only these attributes of them.
    pub(super) async fn partition(&self, pk: &str, only: Option<&str>) -> Result<Vec<Item>, StoreError> {
        let items = self
            .client
            .query()
            .table_name(&self.sessions_table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", text(pk))
            .set_projection_expression(only.map(str::to_owned))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        items.collect::<Result<_, _>>().await.map_err(|error| StoreError::of(QUERY, error))
    }

    /// Whether there was such an item.
    async fn delete(&self, table: &str, pk: &str, sk: &str) -> Result<bool, StoreError> {
        let delete = self.client.delete_item().table_name(table).key("pk", text(pk)).key("sk", text(sk));
        let delete = delete.return_values(ReturnValue::AllOld);
        let output = delete.send().await.map_err(|error| StoreError::of(DELETE, error))?;
        Ok(output.attributes.is_some_and(|item| !item.is_empty()))
    }
}

/// Whether a body that was not understood names a user, as far as it can be read.
fn names(body: &[u8], user_id: &str) -> bool {
    let event = read::<SessionEvent>(body).ok().and_then(|event| event.client_user_id);
    let named = || serde_json::from_slice::<serde_json::Value>(body).ok();
    event.as_deref() == Some(user_id) || named().is_some_and(|body| body["ClientUserId"] == user_id)
}
