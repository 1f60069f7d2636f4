//! How a question is decided, for a person.

use desk_webhooks::{
    protocol::{AssignRequest, Reply, read},
    routing::{Condition, Decision, Fact, Facts, Question, Rule, Ruleset, Trial, Truth, decide, timestamp},
    store::ports::FindRules,
};
use jiff::Timestamp;
use serde_json::json;

use super::{print_json, read_body, read_json, rules::nothing_published};
use crate::{
    args::Explain,
    document::Document,
    error::CliError,
    output::{bold, faint, green, moment, padded, red, yellow, zone_name},
    tables,
};

pub(super) async fn run(arguments: Explain, stack: Option<&str>) -> Result<(), CliError> {
    let ruleset = ruleset(&arguments, stack).await?;
    let body = read_body(&arguments.event)?;
    let request: AssignRequest = read(&body)
        .map_err(|error| CliError::said(format!("{} is no question: {error}", arguments.event.display())))?;
    let facts = facts(&arguments, &request)?;
    let at = arguments.at.or(request.event_time.map(timestamp)).unwrap_or_else(Timestamp::now);
    let question = Question::new(&facts, at);
    let decision = decide(&ruleset, &question);
    if arguments.json {
        let because: Vec<_> = decision.trials.iter().map(|trial| trial.to_json(&ruleset, &facts)).collect();
        let answer = Reply::from(decision.answer.clone());
        print_json(&json!({ "rule": decision.rule, "answer": answer, "because": because }));
    } else {
        show(&ruleset, &question, &decision);
    }
    Ok(())
}

async fn ruleset(arguments: &Explain, stack: Option<&str>) -> Result<Ruleset, CliError> {
    match (&arguments.file, arguments.app) {
        (Some(file), _) => Document::open(file)?.ruleset(),
        (None, Some(app)) => {
            let store = tables::open(stack).await?;
            let version = store.active_version(app).await?.ok_or_else(|| nothing_published(app))?;
            let document = store.rules(app, version).await?.document;
            desk_webhooks::routing::read(&document).map_err(|findings| {
                let first = findings.first().map(ToString::to_string).unwrap_or_default();
                CliError::said(format!(
                    "version {version} is not understood by this version of desk: {first}"
                ))
            })
        }
        // The command line requires one of the two.
        (None, None) => Err(CliError::said("name a ruleset, or an app with --app")),
    }
}

/// What was given, and what the question says itself.
fn facts(arguments: &Explain, request: &AssignRequest) -> Result<Facts, CliError> {
    let mut facts = match &arguments.given {
        Some(path) => serde_json::from_value(read_json(path)?)
            .map_err(|error| CliError::said(format!("{} holds no facts: {error}", path.display())))?,
        None => Facts::default(),
    };
    let say = |fact: &mut Fact<String>, said: &Option<String>| {
        if let (Fact::Unknown(_), Some(said)) = (&fact, said) {
            *fact = Fact::Known(said.clone());
        }
    };
    say(&mut facts.user.id, &request.client_user_id);
    say(&mut facts.session, &request.session_id);
    if let (Fact::Unknown(_), Some(account)) = (&facts.customer_service_id, &request.customer_service_id) {
        facts.customer_service_id = Fact::Known(Some(account.clone()));
    }
    Ok(facts)
}

fn show(ruleset: &Ruleset, question: &Question<'_>, decision: &Decision<'_>) {
    let zone = &ruleset.timezone;
    anstream::println!("Asked at {} ({})\n", moment(question.at, zone), zone_name(zone));
    for trial in &decision.trials {
        show_trial(ruleset, question, trial);
    }
    for Rule { name, .. } in ruleset.rules.iter().skip(decision.trials.len()) {
        anstream::println!("{}", faint(format!("  · {name}  (not tried)")));
    }
    let answer = &decision.answer;
    let group = answer.group.map(|group| format!("group {group}"));
    let agents = (!answer.agents.is_empty()).then(|| format!("agents {}", answer.agents.join(", ")));
    let who: Vec<_> = group.into_iter().chain(agents).collect();
    anstream::println!("\n{} {}: {}", bold("Answer by"), green(decision.rule), who.join(", "));
}

fn mark(truth: Truth) -> String {
    match truth {
        Truth::True => green("✓"),
        Truth::False => red("✗"),
        Truth::Unknown(_) => yellow("?"),
    }
}

fn show_trial(ruleset: &Ruleset, question: &Question<'_>, trial: &Trial<'_>) {
    anstream::println!("  {} {}", mark(trial.judgement.truth), bold(&trial.rule.name));
    show_condition(&trial.rule.when, question, 6);
    for (step, outcome) in &trial.steps {
        anstream::println!("      → {}  {}", padded(&step.describe(ruleset), 34), faint(outcome.as_str()));
    }
}

/// A condition with what it saw, its parts below it.
fn show_condition(condition: &Condition, question: &Question<'_>, indent: usize) {
    let mark = mark(condition.truth(question));
    let saw = condition.seen(question.facts);
    if saw.is_empty() {
        anstream::println!("{:indent$}{mark} {condition}", "");
    } else {
        let name = padded(&condition.to_string(), 42_usize.saturating_sub(indent));
        anstream::println!("{:indent$}{mark} {name}  {}", "", faint(format!("saw {saw}")));
    }
    for part in condition.parts() {
        show_condition(part, question, indent + 4);
    }
}
