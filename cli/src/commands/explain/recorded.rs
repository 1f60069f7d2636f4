//! Why a session was answered as it was: decided again from what was recorded.

use desk_webhooks::{
    protocol::AppId,
    routing::{self, DecisionRecord, Question},
    store::{Moment, Store},
};
use serde_json::json;

use super::picture;
use crate::{
    commands::rules::ruleset,
    error::CliError,
    output::{self, green, now_ms, red, reply, say, text, yellow},
};

pub(super) async fn explain(
    store: &Store,
    app: AppId,
    session: &str,
    attempt: Option<usize>,
    as_json: bool,
) -> Result<(), CliError> {
    let decisions = decisions(store, app, session).await?;
    let attempt = attempt.unwrap_or(decisions.len());
    let count = decisions.len();
    let record = attempt.checked_sub(1).and_then(|position| decisions.get(position)).ok_or_else(|| {
        CliError::said(format!(
            "session {session} has {count} recorded questions; --attempt {attempt} is none of them"
        ))
    })?;
    let Some(version) = record.version else {
        return Err(CliError::said(format!(
            "no ruleset was at hand when session {session} was answered, so the function's fallback answered: {}",
            reply(&record.answer)
        )));
    };
    let ruleset = ruleset(store, app, version).await?;
    let question = Question::new(&ruleset, &record.facts, record.at);
    let explanation = routing::explain(&question);
    let decision = &explanation.decision;
    // Where the ruleset has no answer, the fallback of the environment gave one.
    let agrees = match decision.reply() {
        Some(reply) => reply == record.answer && decision.rule == record.rule,
        None => record.rule == routing::FALLBACK,
    };
    if as_json {
        return output::json(&json!({
            "rule": decision.rule,
            "answer": decision.reply(),
            "because": explanation.because(&question),
            "agrees": agrees,
            "omitted": record.omitted,
            "recorded": { "rule": record.rule, "answer": record.answer, "version": version, "at": record.at },
        }));
    }
    say!("Question {} of {} of session {}, by version {} of the rules", attempt, count, session, version)?;
    let omitted = record.omitted.join(", ");
    if !omitted.is_empty() {
        let notice =
            text!("Not recorded, or not readable: {}. Conditions on them are unknown below.", omitted);
        say!("{}", yellow(notice))?;
    }
    picture::show(&question, &explanation)?;
    let verdict = if agrees {
        green("This is what was answered by")
    } else if omitted.is_empty() {
        red("This version of desk decides otherwise. Answered was by")
    } else {
        yellow(text!("Without {}, the rules decide otherwise. Answered was by", omitted))
    };
    say!("{} {}: {}", verdict, record.rule, reply(&record.answer))
}

async fn decisions(store: &Store, app: AppId, session: &str) -> Result<Vec<DecisionRecord>, CliError> {
    let story = store.story(app, session, now_ms() / 1000).await?;
    let decision = |moment| match moment {
        Moment::Decision(record) => Some(*record),
        Moment::Event { .. } | Moment::Unreadable { .. } => None,
    };
    let decisions: Vec<_> = story.into_iter().filter_map(decision).collect();
    if decisions.is_empty() {
        return Err(CliError::said(format!("no question of session {session} of app {app} is recorded")));
    }
    Ok(decisions)
}
