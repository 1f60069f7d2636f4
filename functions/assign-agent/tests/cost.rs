//! What a question costs, counted at the wire: `docs/cost.md` is made of these figures.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use desk_local::{
    proxy::{Proxy, Verdict},
    stage::{APP, Stage, publish},
};
use serde_json::{Value, json};

const BINARY: &str = env!("CARGO_BIN_EXE_assign-agent");

fn question(session: &str) -> Value {
    let body = json!({
        "CallbackCommand": "ChatBot.OnAssignHuman", "SessionId": session, "ClientUserId": "maya",
        "EventTime": 1_793_584_800_000_u64,
    });
    json!({
        "rawQueryString": format!("SdkAppid={APP}"),
        "requestContext": { "http": { "method": "POST" } },
        "body": body.to_string(),
    })
}

/// The calls of a warm question, and the units of each.
async fn cost(rules: Value) -> Vec<(String, f64)> {
    let stage = Stage::start().await.unwrap();
    publish(&stage.store(), APP.parse().unwrap(), &rules).await.unwrap();
    let counting = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*counting.endpoint()), ("RULES_REFRESH_SECONDS", "3600")];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    function.invoke(&question("first")).await.unwrap().response.unwrap();
    counting.take_calls();
    let answer = function.invoke(&question("s")).await.unwrap().response.unwrap();
    assert_eq!(answer["statusCode"], 200);
    let mut made: Vec<_> =
        counting.take_calls().into_iter().map(|made| (made.operation, made.units)).collect();
    made.sort_by(|a, b| a.partial_cmp(b).unwrap());
    made
}

#[tokio::test]
async fn a_question_costs_its_record_and_the_facts_that_rules_read() {
    let rules = |when: Value| {
        json!({
            "pools": { "general": { "group": 6500 } },
            "rules": [{ "name": "rule", "when": when, "then": [{ "pool": "general" }] }],
            "default": { "pool": "general" },
        })
    };
    // The record, and its place in the index of the user.
    let record = ("PutItem".to_owned(), 2.0);
    let read = |operation: &str| (operation.to_owned(), 1.0);
    assert_eq!(cost(rules(json!({ "user_id": "guest" }))).await, std::slice::from_ref(&record));
    let all = json!({ "user_tag": "vip", "last_rating": { "max": 2 }, "text_contains": "refund" });
    let expected = [read("GetItem"), read("GetItem"), record, read("Query")];
    assert_eq!(cost(rules(all)).await, expected);
}
