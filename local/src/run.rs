//! `make run`: the stack, kept up until the user ends it.

use std::{error::Error, time::Duration};

use tokio::{
    signal::unix::{SignalKind, signal},
    time::sleep,
};

use crate::stack::{Ports, Stack};

/// The settings of the functions that are taken from the caller's environment. The others say where things are.
const SETTINGS: [&str; 9] = [
    "URL_KEYS",
    "SIGNATURE_POLICY",
    "CALLBACK_TOKENS",
    "ALLOWED_CIDRS",
    "RETENTION_DAYS",
    "RULES_REFRESH_SECONDS",
    "FALLBACK_AGENT_GROUP_ID",
    "FALLBACK_AGENT_IDS",
    "AWS_LAMBDA_LOG_LEVEL",
];

/// The options of `desk-local run`.
pub(crate) struct Options {
    ports: Ports,
}

impl Options {
    /// Reads the arguments.
    ///
    /// # Errors
    /// The message for the user.
    pub(crate) fn of(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut ports = Ports { dynamodb: 8000, functions: 9000 };
        while let Some(argument) = arguments.next() {
            let port = match argument.as_str() {
                "--port" => &mut ports.functions,
                "--dynamodb-port" => &mut ports.dynamodb,
                other => {
                    return Err(format!(
                        "unknown argument `{other}`; `run` takes --port PORT and --dynamodb-port PORT"
                    ));
                }
            };
            let value = arguments.next().unwrap_or_default();
            *port = value
                .parse()
                .map_err(|_| format!("{argument} needs a port from 0 to 65535, not `{value}`"))?;
        }
        Ok(Self { ports })
    }
}

/// Keeps the stack up until a signal ends it.
///
/// # Errors
/// The stack does not start.
pub(crate) async fn run(options: Options) -> Result<(), Box<dyn Error>> {
    let mut signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()]
        .into_iter()
        .map(signal)
        .collect::<Result<Vec<_>, _>>()?;
    let set = |name: &'static str| Some((name, std::env::var(name).ok().filter(|value| !value.is_empty())?));
    let settings: Vec<_> = SETTINGS.into_iter().filter_map(set).collect();
    let stack = Stack::start(options.ports, &settings, None).await?;
    stack.desk(&["rules", "publish", "rules/example.yaml", "--app", "1400000001", "--note", "make run"])?;
    println!("{}", invitation(&stack, &settings));
    let [interrupt, terminate, hangup] = signals.as_mut_slice() else { return Ok(()) };
    loop {
        tokio::select! {
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
            _ = hangup.recv() => break,
            () = sleep(Duration::from_secs(1)) => {
                // The next look at the queue finds what is still there.
                if let Err(error) = stack.drain().await {
                    eprintln!("{error}");
                }
            }
        }
    }
    println!("Stopping.");
    Ok(())
}

/// Where the stack is, and commands that it accepts.
fn invitation(stack: &Stack, settings: &[(&str, String)]) -> String {
    let first = |name: &str| {
        let value = settings.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        value.split(|c: char| c == ',' || c.is_whitespace()).find(|part| !part.is_empty())
    };
    let url = stack.url();
    let key = first("URL_KEYS").map(|key| format!("/{key}")).unwrap_or_default();
    let token = first("CALLBACK_TOKENS").map(|token| format!(" --token '{}'", token.replace('\'', r"'\''")));
    let token = token.unwrap_or_default();
    let (dynamodb, invoke) = (stack.dynamodb(), stack.invoke_option());
    let elsewhere = match dynamodb.as_str() {
        "http://127.0.0.1:8000" => String::new(),
        other => format!("AWS_ENDPOINT_URL_DYNAMODB={other} "),
    };
    format!(
        "
The stack is up:
  {url}/assign-agent{key}
  {url}/session-events{key}
  {dynamodb}  (DynamoDB)

Three commands to try, in another terminal:
  target/debug/desk send --url {url}/session-events{key}{token} --app 1400000001 --session s-1 --user maya --event ChatBot.UserSendMsg --text 'I want a refund'
  target/debug/desk send --url {url}/assign-agent{key}{token} --app 1400000001 --session s-1 --user maya --command ChatBot.OnAssignHuman
  {elsewhere}target/debug/desk sessions show s-1 --app 1400000001

An event of API Gateway as it stands in a file (cargo-lambda is in .tools/bin after `make tools`):
  cargo lambda invoke{invoke} assign-agent --data-file events/assign-agent/on-assign-human.json

Ctrl-C ends it; what is stored goes with it."
    )
}
