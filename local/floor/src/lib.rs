//! What [make bench](../../src/bench/mod.rs) measures the functions by: the least that any function with our AWS
//! client could be (`desk-floor`), and that client by itself (`desk-raw`). Neither is deployed.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::{
    Client,
    error::SdkError,
    operation::{get_item::GetItemError, put_item::PutItemError, query::QueryError},
    types::AttributeValue,
};

/// Keeps a body under a new key, as an event is kept.
///
/// # Errors
/// The SDK's.
pub async fn put(
    client: &Client,
    table: &str,
    pk: &str,
    number: u64,
    body: &str,
) -> Result<(), SdkError<PutItemError>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let put = client.put_item().table_name(table).item("pk", text(format!("{pk}{}", number / 1000)));
    let put = put.item("sk", text(format!("AT#{now:013}#70#EVENT#key-{number}")));
    let put = put.item("event", text("Human.UserSendMsg")).item("body", text(body));
    let put = put.item("received_at", AttributeValue::N(now.to_string()));
    let put = put.item("expires_at", AttributeValue::N("1893584800".into()));
    put.condition_expression("attribute_not_exists(pk)").send().await.map(drop)
}

/// Reads one item.
///
/// # Errors
/// The SDK's.
pub async fn get(client: &Client, table: &str, pk: &str, sk: &str) -> Result<(), SdkError<GetItemError>> {
    let get = client.get_item().table_name(table).key("pk", text(pk)).key("sk", text(sk));
    get.send().await.map(drop)
}

/// Reads the newest items of a story before a sort key, as a question does.
///
/// # Errors
/// The SDK's.
pub async fn query(client: &Client, table: &str, pk: &str, last: &str) -> Result<(), SdkError<QueryError>> {
    let query = client.query().table_name(table);
    let query = query.key_condition_expression("pk = :pk AND sk BETWEEN :first AND :last");
    let query = query.expression_attribute_values(":pk", text(pk));
    let query = query.expression_attribute_values(":first", text("AT#"));
    let query = query.expression_attribute_values(":last", text(last));
    let query = query.projection_expression("sk, #event, #body, brief");
    let query =
        query.expression_attribute_names("#event", "event").expression_attribute_names("#body", "body");
    query.scan_index_forward(false).limit(200).send().await.map(drop)
}

fn text(text: impl Into<String>) -> AttributeValue {
    AttributeValue::S(text.into())
}
