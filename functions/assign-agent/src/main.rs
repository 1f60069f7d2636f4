//! Lambda function: who shall serve this user?

use std::process::ExitCode;

use assign_agent::AssignAgent;
use desk_webhooks::{
    config, edge,
    protocol::Endpoint,
    store::{Store, from_env},
    webhook::Door,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(|env| {
        let door = Door::new(Endpoint::AssignAgent, config::door(env)?);
        let answering = config::answering(env)?;
        let store = Store::new(from_env(env).dynamodb(), config::tables(env)?);
        Ok(AssignAgent::new(door, answering, store))
    })
    .await
}
