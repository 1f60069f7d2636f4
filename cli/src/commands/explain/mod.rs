//! How a question is decided, and why one was answered as it was.

mod picture;
mod recorded;

use std::path::Path;

use desk_webhooks::{
    protocol::{AssignRequest, Command, Endpoint, command_of, read},
    routing::{self, Fact, Facts, Question, Ruleset, read_facts, timestamp},
    store::ports::FindRules,
};
use jiff::Timestamp;
use serde_json::json;

use super::{
    Callback, read_callback,
    rules::{nothing_published, ruleset},
};
use crate::{args::Explain, document::Document, error::CliError, output, tables};

pub(super) async fn run(arguments: Explain, stack: Option<&str>) -> Result<(), CliError> {
    if let (Some(session), Some(app)) = (&arguments.session, arguments.app) {
        let store = tables::open(stack).await?;
        return recorded::explain(&store, app, session, arguments.attempt, arguments.json).await;
    }
    let ruleset = asked(&arguments, stack).await?;
    let callback = arguments.event.as_deref().map(read_callback).transpose()?.unwrap_or_default();
    let request = match &arguments.event {
        Some(path) => assignment_request(path, &callback)?,
        None => AssignRequest::default(),
    };
    let facts = facts(&arguments, &request, &callback)?;
    let at = arguments.at.or(request.event_time.map(timestamp)).unwrap_or_else(Timestamp::now);
    let question = Question::new(&ruleset, &facts, at);
    let explanation = routing::explain(&question);
    if arguments.json {
        let because = explanation.because(&question);
        let decision = &explanation.decision;
        output::json(&json!({ "rule": decision.rule, "answer": decision.reply(), "because": because }))
    } else {
        picture::show(&question, &explanation)
    }
}

/// The assignment request in a callback. Anything else would be decided as a request without any field.
fn assignment_request(path: &Path, callback: &Callback) -> Result<AssignRequest, CliError> {
    let not_one = |why: &str| {
        CliError::said(format!(
            "{} is not an assignment request: {why}. Give the body of a callback with CallbackCommand {} or {}, \
             or the API Gateway event around it",
            path.display(),
            Command::AssignHuman.as_str(),
            Command::AssignAgent.as_str()
        ))
    };
    // Every field of a request is optional: only what is not an object cannot be read.
    let request = read(&callback.body).map_err(|_| not_one("it is not a JSON object"))?;
    let command = command_of(callback.body.as_bytes());
    let command = command.or_else(|| callback.command.as_deref().map(Command::from_wire));
    match command {
        Some(command) if command.endpoint() == Some(Endpoint::AssignAgent) => Ok(request),
        Some(command) => Err(not_one(&format!("its CallbackCommand is {}", command.as_str()))),
        None => Err(not_one("it has no CallbackCommand")),
    }
}

/// The ruleset that is asked.
async fn asked(arguments: &Explain, stack: Option<&str>) -> Result<Ruleset, CliError> {
    match (&arguments.file, arguments.app) {
        (Some(file), _) => Document::open(file)?.ruleset(),
        (None, Some(app)) => {
            let store = tables::open(stack).await?;
            let active = store.active_version(app).await?.ok_or_else(|| nothing_published(app))?;
            ruleset(&store, app, active.version).await
        }
        // The command line requires one of the two.
        (None, None) => Err(CliError::said("name a ruleset, or an app with --app")),
    }
}

/// The facts of `--given`, completed by those of the request.
fn facts(arguments: &Explain, request: &AssignRequest, callback: &Callback) -> Result<Facts, CliError> {
    let mut facts = match &arguments.given {
        Some(path) => {
            let document = Document::open(path)?;
            read_facts(&document.value).map_err(|findings| {
                document.report(&findings);
                CliError::Reported
            })?
        }
        None => Facts::default(),
    };
    say(&mut facts.user.id, request.client_user_id.as_ref(), String::clone);
    say(&mut facts.session, request.session_id.as_ref(), String::clone);
    let some = |text: &String| Some(text.clone());
    say(&mut facts.customer_service_id, request.customer_service_id.as_ref(), some);
    say(&mut facts.platform, callback.platform.as_ref(), some);
    say(&mut facts.client_ip, callback.client_ip.as_ref(), some);
    Ok(facts)
}

/// Sets a fact of the request unless it was given.
fn say<T>(fact: &mut Fact<T>, said: Option<&String>, known: impl Fn(&String) -> T) {
    if let (Fact::Unknown(_), Some(said)) = (&fact, said) {
        *fact = Fact::Known(known(said));
    }
}
