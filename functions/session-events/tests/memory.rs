//! A flood of the largest bodies that are let in, in the worst shapes, does not fill the memory.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{BINARY, app, callback, tell};
use desk_local::{
    hostile::{EVENT, SHAPES},
    stage::Stage,
};
use desk_webhooks::{
    store::Note,
    webhook::{Callback, MAX_BODY_BYTES},
};
use serde_json::json;

/// What Lambda hands over at once.
const PAYLOAD_BYTES: usize = 6 * 1024 * 1024;
const MB: u64 = 1024 * 1024;
/// What requests may add to what the function takes when it starts, which is 8 MB as it is deployed and
/// twice that in a build for tests: 32 MB together.
const ROOM: u64 = 24 * MB;

#[tokio::test]
async fn the_largest_bodies_stay_below_32_mb() {
    let stage = Stage::start().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    function.ready().await.unwrap();
    let at_start = function.memory_bytes().unwrap().resident;
    for (name, shape) in SHAPES {
        let body = shape(EVENT, MAX_BODY_BYTES - 200);
        assert!(
            body.len() > MAX_BODY_BYTES * 9 / 10 && body.len() <= MAX_BODY_BYTES,
            "{name}: {}",
            body.len()
        );
        // Once more in another spelling: what is kept is then compared with it.
        let bodies = [body.clone(), body.replacen(":", " :", 1), body];
        for body in &bodies {
            let status = tell(&mut function, &callback(body)).await;
            assert!(status == 200 || status == 400, "{name}: {status}");
        }
        // And ten of them together, after an outage.
        let note = |body: &str| {
            let (app, body) = (app(), body.into());
            let command = desk_webhooks::protocol::Command::SessionEvent;
            let callback = Callback { app, command, body, platform: None, client_ip: None };
            Note::Callback { callback, received_at_ms: 1 }.text()
        };
        let notes = (0..10).filter_map(|_| note(&bodies[0]).ok());
        let records = notes.enumerate().map(|(n, body)| json!({ "messageId": n.to_string(), "body": body }));
        let batch = json!({ "Records": records.collect::<Vec<_>>() });
        if batch.to_string().len() < PAYLOAD_BYTES {
            function.invoke(&batch).await.unwrap().response.unwrap();
        }
        let peak = function.memory_bytes().unwrap().peak;
        assert!(peak < at_start + ROOM, "{name}: {} MB after {}", peak / MB, at_start / MB);
    }
}
