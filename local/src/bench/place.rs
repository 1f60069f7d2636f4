//! Where it is measured: the embedded DynamoDB with rules and stories in it, and a queue that takes all.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use desk_local::{
    engine::RULES_TABLE,
    proxy::{Proxy, Verdict},
    runtime_api::{Invocation, Sandbox},
    stage::{Stage, publish, repository},
};
use desk_webhooks::protocol::AppId;
use serde_json::{Value, json};

use super::{
    Outcome,
    ask::{ALL_FACTS, NO_FACTS, Samples, TOLD_MESSAGES, TOLD_SESSIONS},
};

/// Each call on AWS carries one of about this length, and signs it.
pub(super) fn session_token() -> String {
    "x".repeat(1000)
}

/// Everything that functions are measured on.
pub(super) struct Place {
    pub(super) stage: Stage,
    pub(super) samples: Samples,
    /// A spill queue that takes everything at once: a session's end leaves a note there.
    queue: Proxy,
}

impl Place {
    pub(super) async fn prepare() -> Outcome<Self> {
        let stage = Stage::start().await?;
        let taken = || Verdict::Answer(200, r#"{"MessageId":"1"}"#.into());
        let queue = Proxy::start("http://127.0.0.1:1", move |_| taken()).await?;
        let place = Self { stage, samples: Samples::load()?, queue };
        place.publish(NO_FACTS, &rules(json!({ "platform": "none" }))).await?;
        let all = json!({ "user_tag": "vip", "last_rating": { "max": 2 }, "text_contains": "refund" });
        place.publish(ALL_FACTS, &rules(json!({ "any": [all, { "bot_turns": { "min": 1000 } }] }))).await?;
        Ok(place)
    }

    /// Tells the stories that questions read.
    pub(super) async fn tell_stories(&self) -> Outcome<()> {
        let attributes = self.stage.client().put_item().table_name(RULES_TABLE);
        let attributes = attributes.item("pk", text(&format!("APP#{ALL_FACTS}#USER#maya")));
        let attributes = attributes.item("sk", text("ATTRIBUTES"));
        attributes.item("tags", AttributeValue::L(vec![text("new")])).send().await?;
        let mut teller = self.function("session-events", &[]).await?;
        for n in 0..TOLD_SESSIONS * TOLD_MESSAGES {
            let session = format!("told-{}", n % TOLD_SESSIONS);
            let told_at = self.samples.told_at(n);
            answered(&mut teller, &self.samples.message_in(ALL_FACTS, &session, told_at, n)).await?;
        }
        Ok(())
    }

    pub(super) async fn publish(&self, app: u64, rules: &Value) -> Outcome<()> {
        let app: AppId = app.to_string().parse()?;
        publish(&self.stage.store(), app, rules).await?;
        Ok(())
    }

    /// A release binary on this stage.
    pub(super) async fn function(&self, name: &str, env: &[(&str, &str)]) -> Outcome<Sandbox> {
        let binary = repository().join("target/release").join(name);
        let (queue, token) = (self.queue.endpoint(), session_token());
        let apps = format!("{NO_FACTS},{ALL_FACTS}");
        let mut all = vec![
            ("AWS_SESSION_TOKEN", &*token),
            ("SDK_APP_IDS", &*apps),
            ("AWS_ENDPOINT_URL_SQS", &queue),
            ("SPILL_QUEUE_URL", &queue),
        ];
        all.extend(env);
        Ok(self.stage.function_with(&binary.to_string_lossy(), &all).await?)
    }
}

fn rules(when: Value) -> Value {
    json!({
        "pools": { "general": { "group": 6500 } },
        "rules": [{ "name": "rule", "when": when, "then": [{ "pool": "general" }] }],
        "default": { "pool": "general" },
    })
}

/// Hands over an event, and returns what the answer took.
pub(super) async fn answered(sandbox: &mut Sandbox, event: &Value) -> Outcome<Duration> {
    took(&sandbox.invoke(event).await?)
}

/// What the answer took, if it is one that a function gives on purpose.
pub(super) fn took(invocation: &Invocation) -> Outcome<Duration> {
    match &invocation.response {
        Ok(response) if response["statusCode"] == 200 || response["statusCode"] == 403 => Ok(invocation.took),
        unexpected => Err(format!("an unexpected answer: {unexpected:?}").into()),
    }
}

/// Makes sure that every answer was what it was measured as: a question that fell back, or an event that went
/// to the queue, is answered well, too, and faster.
pub(super) fn all_became(sandbox: &Sandbox, outcomes: &[&str]) -> Outcome<()> {
    let mut answers = 0;
    for line in sandbox.log().lines() {
        let told: Value = serde_json::from_str(line).unwrap_or_default();
        let Some(outcome) = told["outcome"].as_str() else { continue };
        answers += 1;
        if !outcomes.contains(&outcome) || !told["problems"].is_null() {
            return Err(format!("measured as {}, but it was: {line}", outcomes.join(" or ")).into());
        }
    }
    // The floor says nothing.
    if outcomes.is_empty() || answers == sandbox.invocations() {
        return Ok(());
    }
    Err(format!("{} answers, and the log tells of {answers}", sandbox.invocations()).into())
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}
