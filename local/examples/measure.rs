//! Start, memory and warm answers of the release binaries, on an embedded DynamoDB:
//!
//! ```sh
//! cargo build --release -p assign-agent -p session-events
//! cargo run --release -p desk-local --example measure
//! ```

use std::{
    error::Error,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use aws_sdk_dynamodb::types::AttributeValue;
use desk_local::{
    callbacks,
    engine::SESSIONS_TABLE,
    runtime_api::Sandbox,
    stage::{APP, Stage, publish, repository},
};
use serde_json::{Value, json};

const ANSWERS: usize = 2000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let stage = Stage::start().await?;
    let rules = json!({ "pools": { "general": { "group": 6500 } }, "default": { "pool": "general" } });
    publish(&stage.store(), APP.parse()?, &rules).await?;
    let samples = callbacks::load(&repository().join("events"))?;
    for (function, sample, time, id) in [
        ("assign-agent", "assign-agent/on-assign-human.json", "EventTime", "SessionId"),
        ("session-events", "messages/text.json", "EventTime", "MsgKey"),
    ] {
        let sample = samples.iter().find(|callback| callback.name == sample).ok_or("no such sample")?;
        let binary = repository().join("target/release").join(function);
        let mut starts = Vec::new();
        for _ in 0..11 {
            starts.push(stage.function(&binary.to_string_lossy()).await?.ready().await?);
        }
        let mut sandbox = stage.function(&binary.to_string_lossy()).await?;
        let (mut warm, first) = answers(&mut sandbox, &sample.event, &sample.body(), time, id).await?;
        if function == "session-events" {
            against_raw(&stage, &mut sandbox, &sample.event, &sample.body()).await?;
        }
        let memory = sandbox.memory_bytes()?;
        println!(
            "{function}: start to first poll {:.1?}, first answer {first:.1?}, warm median {:.2?} p99 {:.2?}, \
             resident {:.1} MB (peak {:.1}) after {ANSWERS} answers",
            percentile(&mut starts, 50),
            percentile(&mut warm, 50),
            percentile(&mut warm, 99),
            memory.resident as f64 / 1e6,
            memory.peak as f64 / 1e6,
        );
    }
    Ok(())
}

/// Different callbacks of one kind: each has its own time and id, so that each is stored.
async fn answers(
    sandbox: &mut Sandbox,
    event: &Value,
    body: &str,
    time: &str,
    id: &str,
) -> Result<(Vec<Duration>, Duration), Box<dyn Error>> {
    let (mut event, mut body) = (event.clone(), serde_json::from_str::<Value>(body)?);
    // Present times: what is late costs more.
    let start = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64;
    let mut took = Vec::with_capacity(ANSWERS);
    for n in 0..=ANSWERS {
        body[time] = json!(start + n as u64);
        body[id] = json!(format!("{n}"));
        event["body"] = json!(body.to_string());
        let invocation = sandbox.invoke(&event).await?;
        if !invocation.response.as_ref().is_ok_and(|response| response["statusCode"] == 200) {
            return Err(format!("an unexpected answer: {:?}", invocation.response).into());
        }
        took.push(invocation.took);
    }
    let first = took.remove(0);
    Ok((took, first))
}

/// A warm stored event beside the SDK's own PutItem of as much, one after the other, and beside what is refused
/// at the door: the way to the function and back.
async fn against_raw(
    stage: &Stage,
    sandbox: &mut Sandbox,
    event: &Value,
    body: &str,
) -> Result<(), Box<dyn Error>> {
    let (client, mut event) = (stage.client(), event.clone());
    let mut body = serde_json::from_str::<Value>(body)?;
    let (mut stored, mut raw, mut refused) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..ANSWERS {
        body["EventTime"] = json!(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis() as u64);
        body["MsgKey"] = json!(format!("raw {n}"));
        event["body"] = json!(body.to_string());
        stored.push(sandbox.invoke(&event).await?.took);

        let put =
            client.put_item().table_name(SESSIONS_TABLE).condition_expression("attribute_not_exists(pk)");
        let put = put
            .item("pk", AttributeValue::S("APP#1400000001#SESSION#raw".into()))
            .item("sk", AttributeValue::S(format!("AT#0000000000001#70#EVENT#{n}")))
            .item("event", AttributeValue::S("Human.UserSendMsg".into()))
            .item("body", AttributeValue::S(body.to_string()))
            .item("received_at", AttributeValue::N("1793584800000".into()))
            .item("expires_at", AttributeValue::N("1893584800".into()));
        let started = Instant::now();
        put.send().await?;
        raw.push(started.elapsed());

        let mut foreign = event.clone();
        foreign["rawQueryString"] = json!("SdkAppid=7");
        refused.push(sandbox.invoke(&foreign).await?.took);
    }
    let [stored, raw, refused] =
        [&mut stored, &mut raw, &mut refused].map(|took| percentile(took, 50).as_secs_f64() * 1e6);
    println!(
        "a stored message {stored:.0} us, the SDK's PutItem of as much {raw:.0} us, a refusal {refused:.0} us: \
         {:.2} times the PutItem, {:.2} without the way to the function and back",
        stored / raw,
        (stored - refused) / raw,
    );
    Ok(())
}

fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort();
    durations.get(durations.len() * percent / 100).copied().unwrap_or_default()
}
