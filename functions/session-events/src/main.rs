//! Lambda function: keeps every event of every session.

use std::process::ExitCode;

use desk_webhooks::{
    config, edge,
    protocol::Endpoint,
    store::{Limits, SpillQueue, Store},
    webhook::Door,
};
use session_events::SessionEvents;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(|env, aws| {
        let aws = aws.within(Limits::BODIES);
        let door = Door::new(Endpoint::SessionEvents, config::door(env)?);
        let store = Store::new(aws.dynamodb(), config::sessions_table(env)?);
        let queue = config::spill_queue(env).map(|url| SpillQueue::new(aws, url));
        Ok(SessionEvents::new(door, store, queue))
    })
    .await
}
