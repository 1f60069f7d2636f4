//! What the function asks of AWS is what the template allows it: nothing is missing, nothing is spare.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use desk_local::{
    callbacks,
    permissions::{Done, allowed},
    proxy::Verdict,
    stage::{APP, Services, Stage, publish, repository},
};
use serde_json::json;

const BINARY: &str = env!("CARGO_BIN_EXE_assign-agent");

#[tokio::test]
async fn the_function_may_do_what_it_does_and_nothing_else() {
    let stage = Stage::start().await.unwrap();
    let rules = json!({
        "pools": { "general": { "group": 6500 } },
        "rules": [{
            "name": "all-facts",
            "when": { "user_tag": "vip", "last_rating": { "max": 2 }, "text_contains": "refund" },
            "then": [{ "pool": "general" }],
        }],
        "default": { "pool": "general" },
    });
    publish(&stage.store(), APP.parse().unwrap(), &rules).await.unwrap();
    let services = Services::start().await.unwrap();
    services.put_secret("/desk/tokens", "token").unwrap();
    let done = Done::default();
    let dynamodb = done.watching("dynamodb", &stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    let ssm = done.watching("ssm", &services.endpoint(), |_| Verdict::Pass).await.unwrap();
    let env = [
        ("AWS_ENDPOINT_URL_DYNAMODB", &*dynamodb.endpoint()),
        ("AWS_ENDPOINT_URL_SSM", &*ssm.endpoint()),
        ("CALLBACK_TOKENS_PARAMETER", "/desk/tokens"),
    ];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    for sample in callbacks::load(&repository().join("events")).unwrap() {
        function.invoke(&sample.event).await.unwrap().response.unwrap();
    }
    assert_eq!(done.all(), allowed("AssignAgentFunction").unwrap());
}
