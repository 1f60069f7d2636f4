//! A callback, as the platform would send it.

use std::time::Instant;

use desk_webhooks::{protocol::command_of, webhook::sign};
use serde_json::{Value, json};

use super::{
    deployment::{agent, cannot_reach, check_url},
    read_callback,
};
use crate::{
    args::Send,
    error::CliError,
    output::{green, now_ms, red, say, unless_closed},
};

/// The command of what has none: the commonest one.
const SESSION_EVENT: &str = "Desk.SessionEventNotify";

pub(super) fn run(arguments: Send) -> Result<(), CliError> {
    check_url(&arguments.url)?;
    let now_ms = now_ms();
    let body = match &arguments.body {
        Some(path) => read_callback(path)?.body,
        None => compose(&arguments, now_ms),
    };
    let url = signed_url(&arguments, &body, now_ms / 1000);
    let failed = |error: ureq::Error| cannot_reach(&arguments.url, &error);
    let agent = agent();
    let started = Instant::now();
    let mut response = agent.post(&url).send(body.as_bytes()).map_err(failed)?;
    let took = started.elapsed().as_secs_f64() * 1000.0;
    let status = response.status().as_u16();
    let reply = response.body_mut().read_to_string().map_err(failed)?;
    let good = status == 200 && is_success(&reply);
    let verdict = if good { green(format!("HTTP {status}")) } else { red(format!("HTTP {status}")) };
    unless_closed(say!("{} after {} ms: {}", verdict, format!("{took:.1}"), reply))?;
    if good { Ok(()) } else { Err(CliError::said("the platform would count this as a failed callback")) }
}

/// Whether the platform would take it for a success: the answer has all three fields.
fn is_success(reply: &str) -> bool {
    let reply: Value = serde_json::from_str(reply).unwrap_or_default();
    reply["ActionStatus"] == "OK" && reply["ErrorInfo"].is_string() && reply["ErrorCode"].is_u64()
}

/// The URL with the platform's parameters (1047/34354).
fn signed_url(arguments: &Send, body: &str, now_seconds: u64) -> String {
    let command = command_of(body.as_bytes());
    let command = command.as_ref().map_or(SESSION_EVENT, |command| command.as_str());
    let joint = if arguments.url.contains('?') { '&' } else { '?' };
    // The command is whatever the body says.
    let mut query = form_urlencoded::Serializer::new(String::new());
    query
        .append_pair("SdkAppid", &arguments.app.id.to_string())
        .append_pair("CallbackCommand", command)
        .append_pair("contenttype", "json")
        .append_pair("ClientIP", "127.0.0.1")
        .append_pair("OptPlatform", "RESTAPI");
    if let Some(token) = &arguments.token {
        let time = now_seconds.to_string();
        query.append_pair("RequestTime", &time).append_pair("Sign", &sign(token, &time));
    }
    format!("{}{joint}{}", arguments.url, query.finish())
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
