//! What this version of the software stores, as the next one finds it:
//!
//! ```sh
//! cargo build --workspace --examples
//! target/debug/examples/stored target/debug > shared/tests/stored/without-SOMETHING.json
//! ```
//!
//! Every sample of `events` goes through the functions in that folder; then both tables are written out, items
//! in DynamoDB's own JSON. Whoever changes what is stored adds a file made before the change;
//! `shared/tests/upgrade.rs` reads them all.

use std::{error::Error, path::PathBuf};

use desk_local::{
    callbacks,
    engine::{RULES_TABLE, SESSIONS_TABLE, call},
    stage::{APP, Stage, publish, repository},
};
use desk_webhooks::{protocol::AppId, routing::Attributes};
use serde_json::{Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let (stage, app) = (Stage::start().await?, APP.parse::<AppId>()?);
    let rules = std::fs::read_to_string(repository().join("fuzz/seeds/ruleset/example.json"))?;
    publish(&stage.store(), app, &serde_json::from_str(&rules)?).await?;
    let attributes = Attributes { tags: vec!["vip".into()], ..Attributes::default() };
    stage.store().set_attributes(app, "li.wei", &attributes).await?;

    let folder = PathBuf::from(std::env::args().nth(1).ok_or("say in which folder the functions are")?);
    let binary = |name: &str| folder.join(name).display().to_string();
    let mut assign_agent = stage.function(&binary("assign-agent")).await?;
    let mut session_events = stage.function(&binary("session-events")).await?;
    for sample in callbacks::load(&repository().join("events"))? {
        let to_assign = sample.goes_to("/assign-agent");
        let function = if to_assign { &mut assign_agent } else { &mut session_events };
        function.invoke(&sample.event).await?;
    }
    session_events.invoke(&large()).await?;

    let endpoint = stage.endpoint();
    let mut items = Vec::new();
    for table in [RULES_TABLE, SESSIONS_TABLE] {
        for item in scan(&endpoint, table).await? {
            items.push(json!({ "table": table, "item": item }));
        }
    }
    println!("{:#}", Value::from(items));
    Ok(())
}

/// A message above the size from which bodies are compressed.
fn large() -> Value {
    let body = json!({
        "CallbackCommand": "Desk.SessionEventNotify", "SessionId": "s-large", "Event": "Human.UserSendMsg",
        "EventTime": 1_793_584_800_000_u64, "ClientUserId": "maya", "MsgKey": "1_2_3",
        "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": "long ".repeat(20_000) } }],
    });
    json!({
        "rawQueryString": format!("SdkAppid={APP}"), "body": body.to_string(),
        "requestContext": { "http": { "method": "POST" } },
    })
}

async fn scan(endpoint: &str, table: &str) -> Result<Vec<Value>, Box<dyn Error>> {
    let (endpoint, scan) = (endpoint.to_owned(), json!({ "TableName": table }));
    let page = tokio::task::spawn_blocking(move || call(&endpoint, "Scan", &scan)).await??;
    assert!(page["LastEvaluatedKey"].is_null(), "one page is enough for samples");
    Ok(page["Items"].as_array().cloned().unwrap_or_default())
}
