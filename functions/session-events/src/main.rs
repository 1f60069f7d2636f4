//! Lambda function: keeps every event of every session.

use std::process::ExitCode;

use desk_webhooks::{
    config, edge,
    protocol::Endpoint,
    store::{Store, client, from_env},
    webhook::Door,
};
use session_events::SessionEvents;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(|env| {
        let door = Door::new(Endpoint::SessionEvents, config::door(env)?);
        let store = Store::new(client(from_env(env)), config::sessions_table(env)?);
        Ok(SessionEvents::new(door, store))
    })
    .await
}
