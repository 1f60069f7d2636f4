//! What the business says of its users.

use aws_sdk_dynamodb::{error::SdkError, operation::update_item::UpdateItemError};
use serde::Serialize;

use super::{
    Store, StoreError,
    items::{Item, from_item, text, to_item},
};
use crate::{protocol::AppId, routing::Attributes, session::keys};

const PUT: &str = "PutItem";
const UPDATE: &str = "UpdateItem";

#[derive(Serialize)]
struct AttributesItem<'a> {
    pk: String,
    sk: &'a str,
    #[serde(flatten)]
    attributes: &'a Attributes,
}

/// Why what is known of a user was not changed.
#[derive(Debug, thiserror::Error)]
pub enum UserError {
    /// Others kept changing it at the same time.
    #[error("somebody else is changing this user at the same time; try again")]
    Busy,
    /// DynamoDB did not do it.
    #[error(transparent)]
    Store(#[from] StoreError),
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

    /// Changes what the business says of a user. Of two who do so at once neither is lost: the
    /// change is made again on what the other has written.
    ///
    /// # Errors
    /// DynamoDB's, or others were faster several times in a row. Nothing has changed then.
    pub async fn change_attributes(
        &self,
        app: AppId,
        user_id: &str,
        change: impl Fn(&mut Attributes),
    ) -> Result<Attributes, UserError> {
        const TRIES: usize = 10;
        for _ in 0..TRIES {
            let stored = self.get(&self.rules_table, keys::user(app, user_id), keys::ATTRIBUTES).await?;
            let mut attributes = match &stored {
                Some(item) => from_item("GetItem", item.clone())?,
                None => Attributes::default(),
            };
            change(&mut attributes);
            if self.replace(app, user_id, stored, &attributes).await? {
                return Ok(attributes);
            }
        }
        Err(UserError::Busy)
    }

    /// Whether what was stored still was, and is replaced.
    async fn replace(
        &self,
        app: AppId,
        user_id: &str,
        stored: Option<Item>,
        attributes: &Attributes,
    ) -> Result<bool, StoreError> {
        let new = to_item(UPDATE, attributes)?;
        let key = [("pk", text(keys::user(app, user_id))), ("sk", text(keys::ATTRIBUTES))];
        let mut update = self.client.update_item().table_name(&self.rules_table);
        for (name, value) in key {
            update = update.key(name, value);
        }
        let (mut unchanged, mut set, mut remove) = (Vec::new(), Vec::new(), Vec::new());
        // What others keep beside these three stays as it is.
        for (position, name) in ["tags", "language", "attributes"].into_iter().enumerate() {
            update = update.expression_attribute_names(format!("#{position}"), name);
            match stored.as_ref().and_then(|item| item.get(name)) {
                Some(value) => {
                    update = update.expression_attribute_values(format!(":old{position}"), value.clone());
                    unchanged.push(format!("#{position} = :old{position}"));
                }
                None => unchanged.push(format!("attribute_not_exists(#{position})")),
            }
            match new.get(name) {
                Some(value) => {
                    update = update.expression_attribute_values(format!(":new{position}"), value.clone());
                    set.push(format!("#{position} = :new{position}"));
                }
                None => remove.push(format!("#{position}")),
            }
        }
        let removed =
            if remove.is_empty() { String::new() } else { format!(" REMOVE {}", remove.join(", ")) };
        let change = format!("SET {}{removed}", set.join(", "));
        let update = update.update_expression(change).condition_expression(unchanged.join(" AND "));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(SdkError::ServiceError(error))
                if matches!(error.err(), UpdateItemError::ConditionalCheckFailedException(_)) =>
            {
                Ok(false)
            }
            Err(error) => Err(StoreError::of(UPDATE, error)),
        }
    }
}
