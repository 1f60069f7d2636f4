//! One module for each group of commands.

mod calendar;
mod deployment;
mod doctor;
mod dynamodb;
mod explain;
mod quarantine;
mod rules;
mod send;
mod sessions;
mod users;

use std::{io::ErrorKind, path::Path};

use desk_webhooks::webhook::Incoming;
use serde_json::Value;

use crate::{
    args::{Arguments, Command, Quarantine, Rules, Sessions, Users},
    error::CliError,
};

/// Does what was asked.
///
/// # Errors
/// It could not be done, or its output could not be written.
pub(crate) async fn run(arguments: Arguments) -> Result<(), CliError> {
    let change = change(&arguments.command);
    let done = run_command(arguments).await;
    match (done, change) {
        (Err(CliError::Output(error)), Some(change)) if error.kind() != ErrorKind::BrokenPipe => {
            Err(CliError::OutputOfChange { change, error })
        }
        (done, _) => done,
    }
}

/// The change that a command has made when it writes to standard output, if it makes one.
fn change(command: &Command) -> Option<&'static str> {
    match command {
        Command::Rules(Rules::Publish { .. }) => Some("the ruleset is published and active"),
        Command::Rules(Rules::Rollback { .. }) => Some("the rollback is done"),
        Command::Sessions(Sessions::Refold { .. }) => Some("the summaries are rebuilt"),
        Command::Quarantine(Quarantine::Replay { .. }) => Some("the quarantine is replayed"),
        Command::Users(Users::Set { .. }) => Some("the user's attributes are changed"),
        Command::Users(Users::Erase { .. }) => Some("the user is erased"),
        Command::Send(_) => Some("the callback is sent"),
        Command::Rules(_)
        | Command::Calendar(_)
        | Command::Sessions(_)
        | Command::Quarantine(_)
        | Command::Users(_)
        | Command::Doctor(_)
        | Command::Dynamodb(_) => None,
    }
}

async fn run_command(arguments: Arguments) -> Result<(), CliError> {
    let stack = arguments.stack.as_deref();
    match arguments.command {
        Command::Rules(command) => rules::run(command, stack).await,
        Command::Calendar(arguments) => calendar::run(&arguments),
        Command::Sessions(command) => sessions::run(command, stack).await,
        Command::Quarantine(command) => quarantine::run(command, stack).await,
        Command::Users(command) => users::run(command, stack).await,
        Command::Send(command) => send::run(command),
        Command::Doctor(command) => doctor::run(&command),
        Command::Dynamodb(command) => dynamodb::run(command).await,
    }
}

/// A file, or standard input for `-`.
///
/// # Errors
/// It cannot be read.
pub(crate) fn read_text(path: &Path) -> Result<String, CliError> {
    let text = if path == Path::new("-") {
        std::io::read_to_string(std::io::stdin())
    } else {
        std::fs::read_to_string(path)
    };
    text.map_err(|source| CliError::File { path: path.to_owned(), source })
}

/// A callback as a file holds it: its body alone, or the API Gateway event around it.
#[derive(Default)]
struct Callback {
    body: String,
    command: Option<String>,
    platform: Option<String>,
    client_ip: Option<String>,
}

fn read_callback(path: &Path) -> Result<Callback, CliError> {
    let text = read_text(path)?;
    let event: Option<Value> = serde_json::from_str(&text).ok();
    if event.is_none_or(|event| event.get("requestContext").is_none()) {
        return Ok(Callback { body: text, ..Callback::default() });
    }
    let broken =
        |what: &str| CliError::said(format!("{} is an API Gateway event, but {what}", path.display()));
    let mut incoming: Incoming = serde_json::from_str(&text).map_err(|error| broken(&error.to_string()))?;
    let body = incoming.take_body().map_err(|refusal| broken(refusal.info()))?;
    let body = String::from_utf8(body).map_err(|_| broken("its body is no text"))?;
    let parameter = |name| incoming.parameter(name).filter(|value| !value.is_empty());
    let (command, platform) = (parameter("CallbackCommand"), parameter("OptPlatform"));
    Ok(Callback { command, platform, client_ip: parameter("ClientIP"), body })
}
