//! A day of many sessions, to see what reading them back takes:
//!
//! ```sh
//! cargo run --release -p desk-local --example fill -- 100000
//! ```
//!
//! When they are there, it names commands to try, and serves them until it is ended.

use std::error::Error;

use desk_local::{
    engine::{Engine, EngineOptions},
    stage::{APP, store_at},
};
use desk_webhooks::{
    protocol::read,
    store::ports::{FoldSessions, KeepEvents, Reach, Received},
};
use serde_json::json;

/// 2027-02-01, in milliseconds since the epoch.
const DAY: u64 = 1_801_440_000_000;
const DAY_MS: u64 = 86_400_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let sessions: u64 = std::env::args().nth(1).ok_or("say how many sessions")?.parse()?;
    let engine = Engine::start(EngineOptions { port: 8000, ..EngineOptions::default() }).await?;
    let (store, app) = (store_at(engine.endpoint()), APP.parse()?);
    for number in 0..sessions {
        let session = format!("s-{number}");
        for (event, after) in [("SessionBegin", 0), ("SessionUserEnd", 60_000)] {
            let at = DAY + number * (DAY_MS - 60_000) / sessions + after;
            let body = json!({
                "CallbackCommand": "Desk.SessionEventNotify", "SessionId": session, "Event": event,
                "EventTime": at, "ClientUserId": format!("user-{}", number % 1000), "ChannelType": "Web",
            })
            .to_string();
            let received = Received { app, body: body.as_bytes(), at_ms: at };
            let event = read(&body)?;
            store.append(received, &event).await?;
            if after == 0 {
                store.ensure_summary(received, &event).await?;
            }
        }
        store.fold(app, &session, Reach::Whole, DAY).await?;
        if (number + 1) % 10_000 == 0 {
            eprintln!("{} of {sessions} sessions", number + 1);
        }
    }
    println!(
        "Try:\n  \
         /usr/bin/time -v target/release/desk sessions list --app {APP} --day 2027-02-01 --json > sessions.json\n  \
         /usr/bin/time -v target/release/desk sessions export --app {APP} --day 2027-02-01 > sessions.jsonl\n\
         Ctrl-C ends it."
    );
    tokio::signal::ctrl_c().await?;
    Ok(())
}
