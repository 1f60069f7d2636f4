//! The items of the sessions table, as they stand in DynamoDB.

use std::{collections::HashMap, io::Read};

use aws_sdk_dynamodb::{
    error::SdkError,
    operation::put_item::PutItemError,
    types::{AttributeValue, ReturnValuesOnConditionCheckFailure},
};
use flate2::{
    Compression,
    read::{GzDecoder, GzEncoder},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_bytes::ByteBuf;

use super::{Store, StoreError};
use crate::digest::{of_json, sha256_hex};

pub(super) type Item = HashMap<String, AttributeValue>;

/// A text up to this size stands in its item as it came; anything else is compressed.
pub(super) const PLAIN_BYTES: usize = 64 * 1024;
/// The largest item that DynamoDB takes, names of attributes included.
const ITEM_BYTES: usize = 400 * 1024;
/// The room for the names, numbers and digests of an item.
const SPARE_BYTES: usize = 2 * 1024;
/// What one item takes of a compressed body.
const PART_BYTES: usize = 350 * 1024;

/// Something kept verbatim: an event, a status, an entry of the quarantine.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct KeptItem {
    pub pk: String,
    pub sk: String,
    /// `Event` of a session event, as received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// `Status` of an agent, as received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The command under which something in the quarantine came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Why it is in the quarantine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The event's time is more than a day off the clock of whoever received it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub odd_time: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_z: Option<ByteBuf>,
    /// What is not large in an event whose body is compressed: enough to sum it up, and to route by.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub brief: Option<String>,
    /// How many numbered parts hold the compressed body, and its digest, which names them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parts: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The digest of what the body says, however it is written: what is in parts is compared by it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub said: Option<String>,
    pub received_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

/// One part of a body that exceeds an item. Its key holds the digest of all parts together, so that a part
/// is never written with another content.
#[derive(Serialize, Deserialize)]
pub(super) struct PartItem {
    pub pk: String,
    pub sk: String,
    pub body_z: ByteBuf,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<u64>,
}

pub(super) fn part_key(digest: &str, part: usize) -> String {
    format!("PART#{digest}#{part:02}")
}

impl KeptItem {
    /// Puts the body in, as large as it may be; what does not fit comes back as further items.
    pub(super) fn hold(&mut self, body: &[u8]) -> Vec<PartItem> {
        if body.len() <= PLAIN_BYTES
            && let Ok(text) = std::str::from_utf8(body)
        {
            self.body = Some(text.to_owned());
            return Vec::new();
        }
        let zipped = zip(body);
        if zipped.len() <= self.room() {
            self.body_z = Some(ByteBuf::from(zipped));
            return Vec::new();
        }
        let digest = sha256_hex(&zipped);
        let part = |(number, bytes): (usize, &[u8])| PartItem {
            pk: self.pk.clone(),
            sk: part_key(&digest, number),
            body_z: ByteBuf::from(bytes),
            expires_at: self.expires_at,
        };
        let parts: Vec<_> = zipped.chunks(PART_BYTES).enumerate().map(part).collect();
        self.parts = Some(parts.len());
        self.digest = Some(digest);
        self.said = of_json(body);
        parts
    }

    /// The room for a compressed body beside the texts of this item. Each of these is bounded: an id by the
    /// longest partition key, `brief` by its ids, of which JSON makes six times as many bytes at most.
    fn room(&self) -> usize {
        let texts = [&self.event, &self.status, &self.command, &self.reason, &self.brief];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        let taken = self.pk.len() + self.sk.len() + texts + SPARE_BYTES;
        ITEM_BYTES.saturating_sub(taken).min(PART_BYTES)
    }

    /// The body, unless it stands in parts.
    pub(super) fn whole_body(&self) -> Option<Vec<u8>> {
        match (&self.body, &self.body_z) {
            (Some(body), _) => Some(body.clone().into_bytes()),
            (None, Some(zipped)) => unzip(zipped),
            (None, None) => None,
        }
    }

    /// Whether this holds the same JSON as `body`, however it is written.
    pub(super) fn holds(&self, body: &[u8]) -> bool {
        let Some(kept) = self.whole_body() else {
            let said = self.said.is_some() && self.said == of_json(body);
            return said || self.digest == Some(sha256_hex(&zip(body)));
        };
        kept == body || of_json(&kept).is_some_and(|kept| Some(kept) == of_json(body))
    }
}

impl Store {
    /// Puts an item into the sessions table unless its key is taken: then what is there comes back.
    pub(super) async fn put_once<T: Serialize + DeserializeOwned>(
        &self,
        item: &T,
    ) -> Result<Option<T>, StoreError> {
        const PUT: &str = "PutItem";
        let outcome = self
            .client
            .put_item()
            .table_name(&self.sessions_table)
            .set_item(Some(to_item(PUT, item)?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        let error = match outcome {
            Ok(_) => return Ok(None),
            Err(error) => error,
        };
        if let SdkError::ServiceError(service) = &error
            && let PutItemError::ConditionalCheckFailedException(failed) = service.err()
        {
            return from_item(PUT, failed.item.clone().unwrap_or_default()).map(Some);
        }
        Err(StoreError::of(PUT, error))
    }
}

pub(super) fn zip(bytes: &(impl AsRef<[u8]> + ?Sized)) -> Vec<u8> {
    let bytes = bytes.as_ref();
    let mut zipped = Vec::with_capacity(bytes.len() / 4);
    // Reading from memory cannot fail, and neither can writing to it.
    let _ = GzEncoder::new(bytes, Compression::fast()).read_to_end(&mut zipped);
    zipped
}

pub(super) fn unzip(zipped: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    GzDecoder::new(zipped).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// A text that is stored as it is, or compressed.
pub(super) fn loaded(text: Option<String>, zipped: Option<ByteBuf>) -> Option<String> {
    text.or_else(|| String::from_utf8(unzip(&zipped?)?).ok())
}

pub(super) fn to_item(operation: &'static str, value: &impl Serialize) -> Result<Item, StoreError> {
    serde_dynamo::to_item(value).map_err(|error| StoreError::unreadable(operation, error.to_string()))
}

pub(super) fn from_item<'de, T: Deserialize<'de>>(
    operation: &'static str,
    item: Item,
) -> Result<T, StoreError> {
    serde_dynamo::from_item(item).map_err(|error| StoreError {
        // The library's words may quote what the item holds: beside the message, which is logged.
        source: Some(Box::new(error)),
        ..StoreError::unreadable(operation, "its fields are not what they should be")
    })
}

pub(super) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(super) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}
