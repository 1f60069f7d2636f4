//! The attributes of users, as the business sets them.

use std::{
    collections::BTreeMap,
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use aws_sdk_dynamodb::{
    error::SdkError,
    types::{AttributeValue, ReturnValue},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde::{Serialize, Serializer};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    Store, StoreError,
    items::{Item, text, to_item},
};
use crate::{protocol::AppId, routing::Attributes, session::keys};

const PUT: &str = "PutItem";
const UPDATE: &str = "UpdateItem";

const TAGS: &str = "tags";
const LANGUAGE: &str = "language";
const ATTRIBUTES: &str = "attributes";

/// The digits that a number in DynamoDB can have.
const NUMBER_DIGITS: usize = 38;

#[derive(Serialize)]
struct AttributesItem<'a> {
    pk: String,
    sk: &'a str,
    #[serde(flatten)]
    attributes: &'a Attributes,
}

/// A change of a user's attributes. Tags, attributes and fields that it does not name stay as they are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// Tags to add.
    pub tags: Vec<String>,
    /// Tags to remove.
    pub untags: Vec<String>,
    /// The language; an empty text removes it.
    pub language: Option<String>,
    /// Attributes by name; an empty text removes one. A stored number stays a number, and a stored boolean a boolean.
    pub attributes: BTreeMap<String, String>,
}

/// A user's attributes as they are stored: numbers have all their digits.
#[derive(Clone, Debug, Default, Serialize)]
pub struct StoredAttributes {
    /// Free words that rules look for.
    pub tags: Vec<String>,
    /// Such as `en` or `zh-CN`.
    pub language: Option<String>,
    /// Anything else, by name, each as JSON.
    pub attributes: BTreeMap<String, Box<RawValue>>,
}

/// The reason why a user's attributes were not read or changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Other writers kept changing the same values.
    #[error("other writers keep changing this user, so nothing was changed; try again")]
    Busy,
    /// The stored item has another form than rules can read.
    #[error(
        "`{field}` of this user is not {must}, so rules cannot read it and nothing was changed; \
         correct the item with the sort key ATTRIBUTES in the rules table"
    )]
    Form {
        /// The attribute of the item.
        field: &'static str,
        /// What it must be.
        must: &'static str,
    },
    /// A value does not have the type that is stored.
    #[error(
        "the attribute `{name}` is stored as {stored}, and `{value}` is not one, so nothing was changed; \
         to store a text instead, remove the attribute first with --attribute '{name}='"
    )]
    Type {
        /// The attribute.
        name: String,
        /// The type that is stored.
        stored: &'static str,
        /// The value that was given.
        value: String,
    },
    /// DynamoDB did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One place of an item: the value that was read there, and the value that is written.
struct Edit {
    /// The attribute, and below `attributes` the name.
    path: Vec<String>,
    old: Option<AttributeValue>,
    new: Option<AttributeValue>,
}

impl Store {
    /// Writes what the business says of a user, in place of what it said before.
    ///
    /// # Errors
    /// DynamoDB's.
    pub async fn set_attributes(
        &self,
        app: AppId,
        user_id: &str,
        attributes: &Attributes,
    ) -> Result<(), StoreError> {
        let item = AttributesItem { pk: keys::user(app, user_id), sk: keys::ATTRIBUTES, attributes };
        let put = self.client.put_item().table_name(&self.rules_table).set_item(Some(to_item(PUT, &item)?));
        put.send().await.map(drop).map_err(|error| StoreError::of(PUT, error))
    }

    /// Returns a user's attributes as they are stored now.
    ///
    /// # Errors
    /// DynamoDB's, or the item has a form that rules cannot read.
    pub async fn stored_attributes(&self, app: AppId, user_id: &str) -> Result<StoredAttributes, UserError> {
        StoredAttributes::of(&self.attributes_item(app, user_id).await?)
    }

    /// Changes a user's attributes. Everything that the change does not name stays in its stored type.
    /// If another writer changes the same values at the same time, the change is made again on the
    /// other writer's result, after a pause.
    ///
    /// # Errors
    /// DynamoDB's, a value that does not fit, or other writers were faster several times in a row.
    /// Nothing has changed then.
    pub async fn change_attributes(
        &self,
        app: AppId,
        user_id: &str,
        change: &UserChange,
    ) -> Result<StoredAttributes, UserError> {
        const TRIES: u32 = 15;
        for tries in 1..=TRIES {
            let stored = self.attributes_item(app, user_id).await?;
            let edits = edits(&stored, change)?;
            if edits.is_empty() {
                return StoredAttributes::of(&stored);
            }
            if let Some(written) = self.edit(app, user_id, edits).await? {
                return StoredAttributes::of(&written);
            }
            tokio::time::sleep(pause(tries)).await;
        }
        Err(UserError::Busy)
    }

    /// The item as it is now; an empty one if there is none.
    async fn attributes_item(&self, app: AppId, user_id: &str) -> Result<Item, StoreError> {
        let item = self.get_now(&self.rules_table, keys::user(app, user_id), keys::ATTRIBUTES).await?;
        Ok(item.unwrap_or_default())
    }

    /// Writes the edits and returns the new item; `None` if a place has changed since it was read.
    async fn edit(&self, app: AppId, user_id: &str, edits: Vec<Edit>) -> Result<Option<Item>, StoreError> {
        let mut update = self.client.update_item().table_name(&self.rules_table);
        update = update.key("pk", text(keys::user(app, user_id))).key("sk", text(keys::ATTRIBUTES));
        let (mut unchanged, mut set, mut remove) = (Vec::new(), Vec::new(), Vec::new());
        for (number, Edit { path, old, new }) in edits.into_iter().enumerate() {
            let mut place = String::new();
            for (depth, name) in path.into_iter().enumerate() {
                if depth > 0 {
                    // Without the map, DynamoDB refuses the path instead of the condition.
                    unchanged.push(format!("attribute_exists({place})"));
                    place.push('.');
                }
                let alias = format!("#n{number}_{depth}");
                place.push_str(&alias);
                update = update.expression_attribute_names(alias, name);
            }
            match old {
                Some(value) => {
                    update = update.expression_attribute_values(format!(":old{number}"), value);
                    unchanged.push(format!("{place} = :old{number}"));
                }
                None => unchanged.push(format!("attribute_not_exists({place})")),
            }
            match new {
                Some(value) => {
                    update = update.expression_attribute_values(format!(":new{number}"), value);
                    set.push(format!("{place} = :new{number}"));
                }
                None => remove.push(place),
            }
        }
        let clause = |name: &str, parts: &[String]| {
            if parts.is_empty() { String::new() } else { format!("{name} {} ", parts.join(", ")) }
        };
        let outcome = update
            .update_expression(clause("SET", &set) + &clause("REMOVE", &remove))
            .condition_expression(unchanged.join(" AND "))
            .return_values(ReturnValue::AllNew)
            .send()
            .await;
        let error = match outcome {
            Ok(output) => return Ok(Some(output.attributes.unwrap_or_default())),
            Err(error) => error,
        };
        if let SdkError::ServiceError(service) = &error
            && service.err().is_conditional_check_failed_exception()
        {
            return Ok(None);
        }
        Err(StoreError::of(UPDATE, error))
    }
}

/// A random pause, up to a limit that grows to a second: writers that met once do not meet again.
fn pause(tries: u32) -> Duration {
    let limit_ms = 20_u64.saturating_mul(2_u64.saturating_pow(tries)).min(1000);
    Duration::from_millis(RandomState::new().hash_one(tries) % limit_ms)
}

/// The places of the stored item that a change makes different.
fn edits(stored: &Item, change: &UserChange) -> Result<Vec<Edit>, UserError> {
    let mut edits = Vec::new();
    let mut edit = |path: &[&str], old: Option<&AttributeValue>, new: Option<AttributeValue>| {
        if old != new.as_ref() {
            let path = path.iter().map(|name| (*name).to_owned()).collect();
            edits.push(Edit { path, old: old.cloned(), new });
        }
    };
    if !change.tags.is_empty() || !change.untags.is_empty() {
        let old = stored.get(TAGS);
        edit(&[TAGS], old, changed_tags(old, change)?);
    }
    if let Some(language) = &change.language {
        edit(&[LANGUAGE], stored.get(LANGUAGE), Some(language).filter(|new| !new.is_empty()).map(text));
    }
    if change.attributes.is_empty() {
        return Ok(edits);
    }
    match stored.get(ATTRIBUTES) {
        None => {
            let given = change.attributes.iter().filter(|(_, value)| !value.is_empty());
            let map: Item = given.map(|(name, value)| (name.clone(), text(value))).collect();
            edit(&[ATTRIBUTES], None, Some(map).filter(|map| !map.is_empty()).map(AttributeValue::M));
        }
        Some(AttributeValue::M(map)) => {
            for (name, value) in &change.attributes {
                let old = map.get(name);
                edit(&[ATTRIBUTES, name], old, changed_attribute(name, value, old)?);
            }
        }
        Some(_) => return Err(not_a_map()),
    }
    Ok(edits)
}

/// A set stays a set, and a list stays a list; tags that the change does not name keep their order.
fn changed_tags(
    stored: Option<&AttributeValue>,
    UserChange { tags, untags, .. }: &UserChange,
) -> Result<Option<AttributeValue>, UserError> {
    fn change<T: Clone + PartialEq>(values: &[T], tags: &[T], untags: &[T]) -> Vec<T> {
        let mut values = values.to_vec();
        for tag in tags {
            if !values.contains(tag) {
                values.push(tag.clone());
            }
        }
        values.retain(|tag| !untags.contains(tag));
        values
    }
    let in_list = |tags: &[String]| tags.iter().map(text).collect::<Vec<_>>();
    Ok(match stored {
        // DynamoDB has no empty set.
        Some(AttributeValue::Ss(set)) => {
            Some(change(set, tags, untags)).filter(|set| !set.is_empty()).map(AttributeValue::Ss)
        }
        Some(AttributeValue::L(list)) => {
            Some(AttributeValue::L(change(list, &in_list(tags), &in_list(untags))))
        }
        None => {
            let list = change(&[], &in_list(tags), &in_list(untags));
            Some(list).filter(|list| !list.is_empty()).map(AttributeValue::L)
        }
        Some(_) => return Err(not_tags()),
    })
}

fn changed_attribute(
    name: &str,
    value: &str,
    stored: Option<&AttributeValue>,
) -> Result<Option<AttributeValue>, UserError> {
    let wrong = |stored| UserError::Type { name: name.to_owned(), stored, value: value.to_owned() };
    if value.is_empty() {
        return Ok(None);
    }
    Ok(Some(match stored {
        None | Some(AttributeValue::S(_) | AttributeValue::Null(_)) => text(value),
        Some(AttributeValue::N(_)) if is_number(value) => AttributeValue::N(value.to_owned()),
        Some(AttributeValue::N(_)) => {
            return Err(wrong("a number of at most 38 digits without extra zeros, such as 7 or -0.5"));
        }
        Some(AttributeValue::Bool(_)) => {
            AttributeValue::Bool(value.parse().map_err(|_| wrong("a boolean (true or false)"))?)
        }
        Some(_) => return Err(wrong("a list, a set or a map")),
    }))
}

/// Returns true if DynamoDB keeps this number with exactly these digits. It drops leading and trailing zeros, and
/// the sign of zero.
fn is_number(value: &str) -> bool {
    let unsigned = value.strip_prefix('-').unwrap_or(value);
    let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, "1"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let has_extra_zero = (whole.starts_with('0') && whole != "0") || fraction.ends_with('0') || value == "-0";
    let is_long = value.bytes().filter(u8::is_ascii_digit).count() > NUMBER_DIGITS;
    digits(whole) && digits(fraction) && !has_extra_zero && !is_long
}

fn not_tags() -> UserError {
    UserError::Form { field: TAGS, must: "a list or set of texts" }
}

fn not_a_map() -> UserError {
    UserError::Form { field: ATTRIBUTES, must: "a map" }
}

impl StoredAttributes {
    fn of(item: &Item) -> Result<Self, UserError> {
        let tags = match item.get(TAGS) {
            None => Vec::new(),
            Some(AttributeValue::Ss(set)) => set.clone(),
            Some(AttributeValue::L(list)) => {
                let tags = list.iter().map(|tag| tag.as_s().cloned().map_err(|_| not_tags()));
                tags.collect::<Result<_, _>>()?
            }
            Some(_) => return Err(not_tags()),
        };
        let language = match item.get(LANGUAGE) {
            None | Some(AttributeValue::Null(_)) => None,
            Some(AttributeValue::S(language)) => Some(language.clone()),
            Some(_) => return Err(UserError::Form { field: LANGUAGE, must: "a text" }),
        };
        let attributes = match item.get(ATTRIBUTES) {
            None => BTreeMap::new(),
            Some(AttributeValue::M(map)) => {
                // Values of these types are always JSON.
                let json =
                    |(name, value): (&String, _)| Some((name.clone(), to_raw_value(&Exact(value)).ok()?));
                map.iter().filter_map(json).collect()
            }
            Some(_) => return Err(not_a_map()),
        };
        Ok(Self { tags, language, attributes })
    }
}

/// A stored value as JSON with all its digits.
struct Exact<'a>(&'a AttributeValue);

impl Serialize for Exact<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let base64 = |bytes: &[u8]| BASE64_STANDARD.encode(bytes);
        match self.0 {
            AttributeValue::S(text) => serializer.serialize_str(text),
            AttributeValue::N(digits) => Digits(digits).serialize(serializer),
            AttributeValue::Bool(value) => serializer.serialize_bool(*value),
            AttributeValue::Ss(texts) => serializer.collect_seq(texts),
            AttributeValue::Ns(numbers) => serializer.collect_seq(numbers.iter().map(|n| Digits(n))),
            AttributeValue::L(values) => serializer.collect_seq(values.iter().map(Exact)),
            AttributeValue::M(map) => {
                let sorted: BTreeMap<_, _> = map.iter().map(|(name, value)| (name, Exact(value))).collect();
                serializer.collect_map(sorted)
            }
            AttributeValue::B(bytes) => serializer.serialize_str(&base64(bytes.as_ref())),
            AttributeValue::Bs(blobs) => serializer.collect_seq(blobs.iter().map(|b| base64(b.as_ref()))),
            _ => serializer.serialize_none(),
        }
    }
}

struct Digits<'a>(&'a str);

impl Serialize for Digits<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match RawValue::from_string(self.0.to_owned()) {
            Ok(number) => number.serialize(serializer),
            Err(_) => serializer.serialize_str(self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_that_dynamodb_would_return_with_other_digits_are_refused() {
        for (value, expected) in [
            ("12345678901234567890123", true),
            ("-0.5", true),
            (&"9".repeat(38), true),
            (&"9".repeat(39), false),
            ("0", true),
            ("100", true),
            ("10.05", true),
            ("-7", true),
            ("-0", false),
            ("007", false),
            ("00", false),
            ("-01", false),
            ("00.5", false),
            ("7.0", false),
            ("0.0", false),
            ("0.50", false),
            ("1e5", false),
            ("1.", false),
            (".5", false),
            ("+1", false),
            ("-", false),
            ("１", false),
            ("many", false),
        ] {
            assert_eq!(is_number(value), expected, "{value}");
        }
    }
}
