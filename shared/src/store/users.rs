//! What the business says of its users.

use serde::Serialize;

use super::{Store, StoreError, items::to_item};
use crate::{protocol::AppId, routing::Attributes, session::keys};

#[derive(Serialize)]
struct AttributesItem<'a> {
    pk: String,
    sk: &'a str,
    #[serde(flatten)]
    attributes: &'a Attributes,
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
        const PUT: &str = "PutItem";
        let item = AttributesItem { pk: keys::user(app, user_id), sk: keys::ATTRIBUTES, attributes };
        let put = self.client.put_item().table_name(&self.rules_table).set_item(Some(to_item(PUT, &item)?));
        put.send().await.map(drop).map_err(|error| StoreError::of(PUT, error))
    }
}
