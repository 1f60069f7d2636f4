use desk_local::engine::{Engine, EngineOptions};

use crate::{args::Dynamodb, error::CliError, output::say};

pub(super) async fn run(Dynamodb { port, data }: Dynamodb) -> Result<(), CliError> {
    let options = EngineOptions { port, data, ..EngineOptions::default() };
    let engine = Engine::start(options).await.map_err(|error| CliError::said(error.to_string()))?;
    say!("DynamoDB with this project's tables is at {}; Ctrl-C ends it.", engine.endpoint())?;
    tokio::signal::ctrl_c().await.map_err(|error| CliError::said(error.to_string()))?;
    engine.stop();
    Ok(())
}
