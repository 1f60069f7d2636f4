//! A callback, as the platform would send it.

use std::time::{Duration, Instant};

use desk_webhooks::{protocol::command_of, webhook::sign};
use serde_json::{Value, json};
use ureq::Agent;

use super::read_callback;
use crate::{
    args::Send,
    error::CliError,
    output::{green, now_ms, red},
};

/// The command of what has none: the commonest one.
const SESSION_EVENT: &str = "Desk.SessionEventNotify";

pub(super) fn run(arguments: Send) -> Result<(), CliError> {
    let now_ms = now_ms();
    let body = match &arguments.body {
        Some(path) => read_callback(path)?.body,
        None => compose(&arguments, now_ms),
    };
    let url = signed_url(&arguments, &body, now_ms / 1000);
    // The platform waits two seconds; whoever debugs waits longer. A refusal is an answer here.
    let config =
        Agent::config_builder().http_status_as_error(false).timeout_global(Some(Duration::from_secs(10)));
    let agent: Agent = config.build().into();
    let started = Instant::now();
    let failed = |error: ureq::Error| CliError::said(format!("{} cannot be reached: {error}", arguments.url));
    let mut response = agent.post(&url).send(body.as_bytes()).map_err(failed)?;
    let took = started.elapsed().as_secs_f64() * 1000.0;
    let status = response.status().as_u16();
    let reply = response.body_mut().read_to_string().map_err(failed)?;
    let parsed: Option<Value> = serde_json::from_str(&reply).ok();
    let good = status == 200 && parsed.is_some_and(|reply| reply["ActionStatus"] == "OK");
    let verdict = if good { green(format!("HTTP {status}")) } else { red(format!("HTTP {status}")) };
    anstream::println!("{verdict} after {took:.1} ms: {reply}");
    if good { Ok(()) } else { Err(CliError::said("the platform would count this as a failed callback")) }
}

/// The URL with the platform's parameters (1047/34354).
fn signed_url(arguments: &Send, body: &str, now_seconds: u64) -> String {
    let command = command_of(body).ok().flatten();
    let command = command.as_ref().map_or(SESSION_EVENT, |command| command.as_str());
    let joint = if arguments.url.contains('?') { '&' } else { '?' };
    let mut url = format!(
        "{}{joint}SdkAppid={}&CallbackCommand={command}&contenttype=json&ClientIP=127.0.0.1&OptPlatform=RESTAPI",
        arguments.url, arguments.app.id
    );
    if let Some(token) = &arguments.token {
        let time = now_seconds.to_string();
        url.push_str(&format!("&RequestTime={time}&Sign={}", sign(token, &time)));
    }
    url
}

fn compose(arguments: &Send, now_ms: u64) -> String {
    let command = arguments.command.as_deref().unwrap_or(SESSION_EVENT);
    let mut body = json!({
        "CallbackCommand": command,
        "SessionId": arguments.session,
        "ClientUserId": arguments.user,
        "EventTime": now_ms,
    });
    if command == SESSION_EVENT {
        let message = arguments.text.as_ref().map(|_| "ChatBot.UserSendMsg");
        body["Event"] = json!(arguments.event.as_deref().or(message).unwrap_or("SessionBegin"));
        body["ChannelType"] = json!("SDK");
        body["AgentId"] = json!(arguments.agent.as_deref().unwrap_or_default());
    }
    if let Some(text) = &arguments.text {
        body["MsgKey"] = json!(format!("1_{}_{}", std::process::id(), now_ms / 1000));
        body["MsgBody"] = json!([{ "MsgType": "TIMTextElem", "MsgContent": { "Text": text } }]);
    }
    body.to_string()
}
