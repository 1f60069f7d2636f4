//! The embedded engine, seen by the AWS SDK.

#![allow(clippy::unwrap_used)]

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::{Client, Config};
use desk_local::engine::{Engine, EngineError, EngineOptions, RULES_TABLE, SESSIONS_TABLE};

fn client(engine: &Engine) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .endpoint_url(engine.endpoint())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

async fn put(client: &Client, sk: &str, body: &str) {
    let put = client.put_item().table_name(SESSIONS_TABLE).item("pk", text("APP#1#SESSION#s"));
    put.item("sk", text(sk)).item("body", text(body)).send().await.unwrap();
}

async fn body(client: &Client, sk: &str) -> Option<String> {
    let get = client.get_item().table_name(SESSIONS_TABLE).key("pk", text("APP#1#SESSION#s"));
    let item = get.key("sk", text(sk)).consistent_read(true).send().await.unwrap().item?;
    Some(item["body"].as_s().unwrap().clone())
}

#[tokio::test]
async fn both_tables_are_there_with_keys_indexes_and_expiry() {
    let engine = Engine::start(EngineOptions::default()).await.unwrap();
    let client = client(&engine);
    for (name, indexes, expires) in
        [(RULES_TABLE, &[][..], None), (SESSIONS_TABLE, &["by-day", "by-user"], Some("expires_at"))]
    {
        let table = client.describe_table().table_name(name).send().await.unwrap().table.unwrap();
        let keys: Vec<_> = table.key_schema().iter().map(|key| key.attribute_name()).collect();
        assert_eq!(keys, ["pk", "sk"]);
        let mut found: Vec<_> =
            table.global_secondary_indexes().iter().filter_map(|index| index.index_name()).collect();
        found.sort_unstable();
        assert_eq!(found, indexes);
        let expiry = client.describe_time_to_live().table_name(name).send().await.unwrap();
        assert_eq!(expiry.time_to_live_description.unwrap().attribute_name(), expires);
    }
}

#[tokio::test]
async fn a_conditional_put_fails_on_what_is_there_and_returns_it() {
    let engine = Engine::start(EngineOptions::default()).await.unwrap();
    let client = client(&engine);
    put(&client, "AT#1", "first").await;
    let error = client
        .put_item()
        .table_name(SESSIONS_TABLE)
        .item("pk", text("APP#1#SESSION#s"))
        .item("sk", text("AT#1"))
        .item("body", text("second"))
        .condition_expression("attribute_not_exists(pk)")
        .return_values_on_condition_check_failure("ALL_OLD".into())
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let PutItemError::ConditionalCheckFailedException(failed) = error else { panic!("{error:?}") };
    assert_eq!(failed.item().unwrap()["body"], text("first"));
    assert_eq!(body(&client, "AT#1").await.as_deref(), Some("first"));
}

#[tokio::test]
async fn a_data_file_keeps_what_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions { data: Some(folder.path().join("desk.db")), ..Default::default() };

    let engine = Engine::start(options.clone()).await.unwrap();
    let first = client(&engine);
    put(&first, "AT#1", "kept").await;
    engine.stop(); // with the client's connection still open

    let engine = Engine::start(options).await.unwrap();
    assert_eq!(body(&client(&engine), "AT#1").await.as_deref(), Some("kept"));
}

#[tokio::test]
async fn a_data_file_of_another_template_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("desk.db");
    // The same file with the names exchanged: each name now has the other's indexes.
    let options = EngineOptions { data: Some(path), ..Default::default() };
    Engine::start(options.clone()).await.unwrap().stop();
    let exchanged = EngineOptions {
        rules_table: options.sessions_table.clone(),
        sessions_table: options.rules_table.clone(),
        ..options
    };
    let error = Engine::start(exchanged).await.unwrap_err();
    assert!(matches!(error, EngineError::Outdated { logical_id: "RulesTable", .. }), "{error}");
}

#[tokio::test]
async fn a_data_file_that_cannot_be_opened_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let not_a_database = folder.path().join("notes.txt");
    std::fs::write(&not_a_database, "not a database, but long enough to be looked at ".repeat(20)).unwrap();
    for path in [not_a_database, folder.path().to_owned(), folder.path().join("missing").join("desk.db")] {
        let options = EngineOptions { data: Some(path.clone()), ..Default::default() };
        let error = Engine::start(options).await.unwrap_err();
        assert!(matches!(error, EngineError::Data { .. } | EngineError::NotADataFile { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn a_port_is_taken_once_and_free_after_the_end() {
    let engine = Engine::start(EngineOptions::default()).await.unwrap();
    put(&client(&engine), "AT#1", "a connection that was used").await;
    let port = engine.endpoint().rsplit(':').next().unwrap().parse().unwrap();

    let again = EngineOptions { port, ..Default::default() };
    let error = Engine::start(again.clone()).await.unwrap_err();
    assert!(matches!(error, EngineError::Port { .. }), "{error}");
    assert!(error.to_string().starts_with(&format!("cannot listen on 127.0.0.1:{port} (")), "{error}");

    engine.stop();
    Engine::start(again).await.unwrap();
}

/// The fastest of many: a stall of Nagle's algorithm (40 ms) would be in each of them.
#[tokio::test]
async fn neither_a_small_nor_a_large_answer_stalls() {
    let engine = Engine::start(EngineOptions::default()).await.unwrap();
    let client = client(&engine);
    let large = "x".repeat(300_001);
    put(&client, "LARGE", &large).await;

    let mut fastest = [Duration::MAX; 2];
    for round in 0..20 {
        let start = Instant::now();
        put(&client, &format!("AT#{round}"), "small").await;
        fastest[0] = fastest[0].min(start.elapsed());
        let start = Instant::now();
        assert_eq!(body(&client, "LARGE").await.unwrap().len(), large.len());
        fastest[1] = fastest[1].min(start.elapsed());
    }
    for time in fastest {
        assert!(time < Duration::from_millis(30), "small and large: {fastest:?}");
    }
}
