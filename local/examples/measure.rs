//! Start, memory and warm answers of the release binaries, on an embedded DynamoDB:
//!
//! ```sh
//! cargo build --release -p assign-agent -p session-events
//! cargo run --release -p desk-local --example measure
//! ```

use std::{error::Error, time::Duration};

use desk_local::{
    callbacks,
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
    let start = body[time].as_u64().unwrap_or_default();
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

fn percentile(durations: &mut [Duration], percent: usize) -> Duration {
    durations.sort();
    durations.get(durations.len() * percent / 100).copied().unwrap_or_default()
}
