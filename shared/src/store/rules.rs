//! Rulesets: immutable versions, a pointer to the active one, and a log of who moved it.

use aws_sdk_dynamodb::types::{Put, TransactWriteItem};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::{Value, json};

use super::{
    Store, StoreError,
    items::{Item, PLAIN_BYTES, from_item, loaded, number, text, to_item, zip},
    ports::FindRules,
};
use crate::{digest::sha256_hex, protocol::AppId, routing::loadable, session::keys};

/// The form of stored documents that this version writes and reads.
const FORMAT: u64 = 1;
/// What a version may take when compressed, source and checked form together: an item holds 400 KB.
const MAX_VERSION_BYTES: usize = 350 * 1024;
/// The first characters of the sort key of every version.
const RULES_VERSIONS: &str = "RULES#V#";
/// The condition of a write that never replaces anything.
const NEW: &str = "attribute_not_exists(pk)";

/// The version that the pointer names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveVersion {
    /// Its number.
    pub version: u64,
    /// The digest of its checked form.
    pub sha256: String,
}

/// A published ruleset as the functions load it.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveRules {
    /// Its version.
    pub version: u64,
    /// The digest of its checked form, compared with the form itself.
    pub sha256: String,
    /// The document, for [`crate::routing::read`].
    pub document: Value,
}

/// What is published.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// The document as written, comments and all.
    pub source: &'a str,
    /// The same as data.
    pub document: &'a Value,
    /// Who publishes.
    pub author: &'a str,
    /// Why.
    pub note: &'a str,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
    /// How many tests the document has; all of them pass.
    pub tests: usize,
}

/// Who moves the pointer, and why.
#[derive(Clone, Copy, Debug)]
pub struct Mover<'a> {
    /// Who.
    pub by: &'a str,
    /// Why.
    pub note: &'a str,
    /// When, in milliseconds since the epoch.
    pub at_ms: u64,
}

/// Which version is in force, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InForce {
    /// The version.
    pub version: u64,
    /// Who put it there.
    pub by: String,
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// Why, if anybody said so.
    pub note: Option<String>,
    /// How often the pointer was moved. A writer that saw this state moves the pointer only from it.
    pub revision: u64,
}

/// Why a ruleset was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// Another version is active than the caller has seen.
    #[error("version {} is active, put there by {}", .0.version, .0.by)]
    Moved(InForce),
    /// The expected version cannot be active: nothing was ever published.
    #[error("nothing is published for this app yet; leave out --expect")]
    NothingYet,
    /// The document does not fit.
    #[error(
        "the ruleset takes {bytes} bytes when compressed, as written and as checked together, and {MAX_VERSION_BYTES} fit; most of it is {largest}"
    )]
    TooLarge {
        /// What it takes.
        bytes: usize,
        /// What takes the room, for a person.
        largest: String,
    },
    /// DynamoDB did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One version as lists show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulesVersion {
    /// Its number, from 1.
    pub version: u64,
    /// Who published it.
    pub author: String,
    /// Why.
    #[serde(default)]
    pub note: String,
    /// When, in milliseconds since the epoch.
    pub at: u64,
    /// The digest of the checked form.
    pub sha256: String,
    /// How many tests the document has; all of them passed.
    #[serde(default)]
    pub tests: Option<usize>,
}

#[derive(Serialize, Deserialize)]
struct VersionItem {
    pk: String,
    sk: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source_z: Option<ByteBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compiled: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    compiled_z: Option<ByteBuf>,
    #[serde(flatten)]
    about: RulesVersion,
}

#[derive(Clone, Serialize, Deserialize)]
struct PointerItem {
    pk: String,
    sk: String,
    version: u64,
    sha256: String,
    /// Grows with every move, so that two movers cannot both win.
    revision: u64,
    by: String,
    at: u64,
}

fn stored(text: &str) -> (Option<String>, Option<ByteBuf>) {
    if text.len() <= PLAIN_BYTES { (Some(text.to_owned()), None) } else { (None, Some(zip(text).into())) }
}

impl FindRules for Store {
    async fn active_version(&self, app: AppId) -> Result<Option<ActiveVersion>, StoreError> {
        let pointer = self.pointer(app).await?;
        Ok(pointer.map(|PointerItem { version, sha256, .. }| ActiveVersion { version, sha256 }))
    }

    async fn rules(&self, app: AppId, version: u64) -> Result<ActiveRules, StoreError> {
        let unreadable =
            |what: String| StoreError::unreadable("GetItem", format!("ruleset {version} {what}"));
        let item = self.version_item(app, version).await?.ok_or_else(|| unreadable("is not there".into()))?;
        let sha256 = item.about.sha256;
        let compiled = loaded(item.compiled, item.compiled_z);
        let compiled = compiled.filter(|text| sha256_hex(text.as_bytes()) == sha256);
        let compiled = compiled.ok_or_else(|| unreadable("was altered: its digest is another".into()))?;
        let mut stored: Value =
            serde_json::from_str(&compiled).map_err(|error| unreadable(error.to_string()))?;
        if stored["format"] != FORMAT {
            let format = &stored["format"];
            return Err(unreadable(format!(
                "has format {format}, this version of the software reads {FORMAT}"
            )));
        }
        Ok(ActiveRules { version, sha256, document: stored["document"].take() })
    }
}

impl Store {
    async fn pointer(&self, app: AppId) -> Result<Option<PointerItem>, StoreError> {
        let item = self.get(&self.rules_table, keys::app(app), keys::RULES_ACTIVE).await?;
        item.map(|item| from_item("GetItem", item)).transpose()
    }

    async fn version_item(&self, app: AppId, version: u64) -> Result<Option<VersionItem>, StoreError> {
        let item = self.get(&self.rules_table, keys::app(app), &keys::rules_version(version)).await?;
        item.map(|item| from_item("GetItem", item)).transpose()
    }

    /// A version's document as it was written.
    ///
    /// # Errors
    /// DynamoDB's; `None` when there is no such version.
    pub async fn rules_source(&self, app: AppId, version: u64) -> Result<Option<String>, StoreError> {
        let item = self.version_item(app, version).await?;
        Ok(item.and_then(|item| loaded(item.source, item.source_z)))
    }

    /// The versions of an app, newest first.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn rules_versions(&self, app: AppId) -> Result<Vec<RulesVersion>, StoreError> {
        let pages = self
            .client
            .query()
            .table_name(&self.rules_table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :version)")
            .projection_expression("version, author, note, #at, sha256, tests")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":pk", text(keys::app(app)))
            .expression_attribute_values(":version", text(RULES_VERSIONS))
            .scan_index_forward(false)
            .into_paginator()
            .items()
            .send();
        let items: Vec<Item> =
            pages.collect::<Result<_, _>>().await.map_err(|error| StoreError::of("Query", error))?;
        items.into_iter().map(|item| from_item("Query", item)).collect()
    }

    /// Which version is in force at this moment.
    ///
    /// # Errors
    /// DynamoDB's; `None` when nothing was ever published.
    pub async fn rules_in_force(&self, app: AppId) -> Result<Option<InForce>, StoreError> {
        let Some(item) = self.get_now(&self.rules_table, keys::app(app), keys::RULES_ACTIVE).await? else {
            return Ok(None);
        };
        let pointer: PointerItem = from_item("GetItem", item)?;
        let log = self.get(&self.rules_table, keys::app(app), &keys::rules_log(pointer.at)).await?;
        let note =
            log.as_ref().and_then(|item| item.get("note")?.as_s().ok()).filter(|note| !note.is_empty());
        Ok(Some(InForce { note: note.cloned(), ..pointer.into() }))
    }

    /// The newest version, or the newest of those numbered up to `last`. Reads no other version.
    ///
    /// # Errors
    /// DynamoDB's; `None` when there is no such version.
    pub async fn newest_rules(
        &self,
        app: AppId,
        last: Option<u64>,
    ) -> Result<Option<RulesVersion>, StoreError> {
        let last = last.map_or_else(|| format!("{RULES_VERSIONS}~"), keys::rules_version);
        let page = self
            .client
            .query()
            .table_name(&self.rules_table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last")
            .projection_expression("version, author, note, #at, sha256, tests")
            .expression_attribute_names("#at", "at")
            .expression_attribute_values(":pk", text(keys::app(app)))
            .expression_attribute_values(":first", text(RULES_VERSIONS))
            .expression_attribute_values(":last", text(last))
            .scan_index_forward(false)
            .limit(1)
            .consistent_read(true)
            .send()
            .await
            .map_err(|error| StoreError::of("Query", error))?;
        page.items.unwrap_or_default().into_iter().next().map(|item| from_item("Query", item)).transpose()
    }

    /// Publishes a document as the next version and puts it in force in place of `seen`, which is
    /// what the caller saw in force before; all in one transaction.
    ///
    /// # Errors
    /// The pointer was moved since `seen`, the document does not fit, or DynamoDB did not do it. In
    /// each case nothing has changed.
    pub async fn publish(
        &self,
        app: AppId,
        publication: Publication<'_>,
        seen: Option<&InForce>,
    ) -> Result<u64, PublishError> {
        let version = self.newest_rules(app, None).await?.map_or(0, |newest| newest.version) + 1;
        let item = VersionItem::new(app, version, publication)?;
        let Publication { author: by, note, at_ms, .. } = publication;
        let mut writes = vec![self.put_if(&item, NEW, None)?];
        writes.extend(self.point_at(app, &item.about, seen, Mover { by, note, at_ms })?);
        self.transact(app, writes).await.map(|()| version)
    }

    /// Puts an earlier version in force again, in place of `seen`, which is what the caller saw in
    /// force before. The versions themselves stay as they are.
    ///
    /// # Errors
    /// The pointer was moved since `seen`, or DynamoDB did not do it. In each case nothing has changed.
    pub async fn roll_back(
        &self,
        app: AppId,
        to: &RulesVersion,
        mover: Mover<'_>,
        seen: &InForce,
    ) -> Result<(), PublishError> {
        let writes = self.point_at(app, to, Some(seen), mover)?;
        self.transact(app, writes.into()).await
    }

    async fn transact(&self, app: AppId, writes: Vec<TransactWriteItem>) -> Result<(), PublishError> {
        let transaction = self.client.transact_write_items().set_transact_items(Some(writes));
        match transaction.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|e| e.is_transaction_canceled_exception()) => {
                let active = self.rules_in_force(app).await?;
                Err(active.map_or(PublishError::NothingYet, PublishError::Moved))
            }
            Err(error) => Err(StoreError::of("TransactWriteItems", error).into()),
        }
    }

    /// Moves the pointer from where the caller saw it, and notes it in the log.
    fn point_at(
        &self,
        app: AppId,
        to: &RulesVersion,
        from: Option<&InForce>,
        Mover { by, note, at_ms }: Mover<'_>,
    ) -> Result<[TransactWriteItem; 2], StoreError> {
        let pk = keys::app(app);
        let pointer = PointerItem {
            pk: pk.clone(),
            sk: keys::RULES_ACTIVE.into(),
            version: to.version,
            sha256: to.sha256.clone(),
            revision: from.map_or(0, |pointer| pointer.revision) + 1,
            by: by.to_owned(),
            at: at_ms,
        };
        let log = json!({
            "pk": pk, "sk": keys::rules_log(at_ms), "by": by, "note": note,
            "from": from.map(|pointer| pointer.version), "to": to.version,
        });
        let unmoved = if from.is_some() { "revision = :revision" } else { NEW };
        let revision = from.map(|pointer| pointer.revision);
        Ok([self.put_if(&pointer, unmoved, revision)?, self.put_if(&log, NEW, None)?])
    }

    fn put_if(
        &self,
        item: &impl Serialize,
        condition: &str,
        revision: Option<u64>,
    ) -> Result<TransactWriteItem, StoreError> {
        const TRANSACT: &str = "TransactWriteItems";
        let put = Put::builder()
            .table_name(&self.rules_table)
            .set_item(Some(to_item(TRANSACT, item)?))
            .condition_expression(condition)
            .set_expression_attribute_values(
                revision.map(|revision| [(":revision".to_owned(), number(revision))].into()),
            )
            .build();
        let put = put.map_err(|error| StoreError::unreadable(TRANSACT, error.to_string()))?;
        Ok(TransactWriteItem::builder().put(put).build())
    }
}

/// Whether a document fits, so that a check says so before a publish does.
///
/// # Errors
/// [`PublishError::TooLarge`].
pub fn fits(source: &str, document: &Value) -> Result<(), PublishError> {
    let bytes = zip(source).len() + zip(&compile(document)).len();
    if bytes > MAX_VERSION_BYTES {
        return Err(PublishError::TooLarge { bytes, largest: largest_parts(document) });
    }
    Ok(())
}

/// The checked form, as functions load it.
fn compile(document: &Value) -> String {
    json!({ "format": FORMAT, "document": loadable(document) }).to_string()
}

impl VersionItem {
    fn new(app: AppId, version: u64, publication: Publication<'_>) -> Result<Self, PublishError> {
        let Publication { source, document, author, note, at_ms, tests, .. } = publication;
        fits(source, document)?;
        let compiled = compile(document);
        let about = RulesVersion {
            version,
            author: author.into(),
            note: note.into(),
            at: at_ms,
            sha256: sha256_hex(compiled.as_bytes()),
            tests: Some(tests),
        };
        let ((source, source_z), (compiled, compiled_z)) = (stored(source), stored(&compiled));
        let (pk, sk) = (keys::app(app), keys::rules_version(version));
        Ok(Self { pk, sk, source, source_z, compiled, compiled_z, about })
    }
}

impl From<PointerItem> for InForce {
    fn from(pointer: PointerItem) -> Self {
        let PointerItem { version, by, at, revision, .. } = pointer;
        Self { version, by, at, note: None, revision }
    }
}

/// What takes most room in a document, such as `pools (800 KB, the largest of them vip with 120 KB)`.
fn largest_parts(document: &Value) -> String {
    let size = |value: &Value| value.to_string().len();
    let kilobytes = |bytes: usize| format!("{} KB", bytes.div_ceil(1024));
    let largest = |value: &Value| match value {
        Value::Object(entries) => entries.iter().map(|(name, value)| (size(value), name.clone())).max(),
        Value::Array(items) => {
            items.iter().enumerate().map(|(item, value)| (size(value), format!("[{item}]"))).max()
        }
        _ => None,
    };
    let sections = document.as_object().into_iter().flatten();
    let mut sections: Vec<_> = sections.map(|(name, value)| (size(value), name, value)).collect();
    sections.sort_unstable_by_key(|(bytes, ..)| std::cmp::Reverse(*bytes));
    let describe = |(bytes, name, value): &(usize, &String, &Value)| {
        let largest = largest(value)
            .map(|(bytes, name)| format!(", the largest of them {name} with {}", kilobytes(bytes)));
        format!("{name} ({}{})", kilobytes(*bytes), largest.unwrap_or_default())
    };
    sections.iter().take(2).map(describe).collect::<Vec<_>>().join(", ")
}
