//! One module for each group of commands.

mod calendar;
mod dynamodb;
mod explain;
mod rules;
mod send;
mod sessions;
mod users;

use std::path::Path;

use serde_json::Value;

use crate::{
    args::{Arguments, Command},
    error::CliError,
};

/// Does what was asked.
///
/// # Errors
/// It could not be done.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let stack = arguments.stack.as_deref();
    match arguments.command {
        Command::Rules(command) => rules::run(command, stack).await,
        Command::Calendar(arguments) => calendar::run(&arguments),
        Command::Sessions(command) => sessions::run(command, stack).await,
        Command::Users(command) => users::run(command, stack).await,
        Command::Send(command) => send::run(command),
        Command::Dynamodb(command) => dynamodb::run(command).await,
    }
}

fn read_text(path: &Path) -> Result<String, CliError> {
    std::fs::read_to_string(path).map_err(|source| CliError::File { path: path.to_owned(), source })
}

fn read_json(path: &Path) -> Result<Value, CliError> {
    let json = serde_json::from_str(&read_text(path)?);
    json.map_err(|error| CliError::said(format!("{} is not JSON: {error}", path.display())))
}

/// A callback's body: that of a file, or that of the API Gateway event in it.
fn read_body(path: &Path) -> Result<String, CliError> {
    let text = read_text(path)?;
    let event: Option<Value> = serde_json::from_str(&text).ok();
    let inner = event.as_ref().filter(|event| event.get("requestContext").is_some());
    Ok(inner.map_or(text.clone(), |event| event["body"].as_str().unwrap_or_default().to_owned()))
}

fn print_json(value: &Value) {
    // `{:#}` of a JSON value is the same in several lines.
    println!("{value:#}");
}
