//! Lambda function: who shall serve this user?

use std::process::ExitCode;

use assign_agent::AssignAgent;
use desk_webhooks::{config, edge, protocol::Endpoint, store::Store, webhook::Door};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    edge::run(|env, aws| {
        let door = Door::new(Endpoint::AssignAgent, config::door(env)?);
        let answering = config::answering(env)?;
        let store = Store::new(aws.dynamodb(), config::tables(env)?);
        Ok(AssignAgent::new(door, answering, store))
    })
    .await
}
