//! What changed between two rulesets, and what comes of it.

use desk_webhooks::{
    protocol::AppId,
    routing::diff::{AnswerChange, Change, ChangeKind, KeyChange, changed_answers, changes},
    store::ports::FindRules,
};
use serde_json::{Value, json};

use super::{nothing_published, versions::source};
use crate::{
    document::Document,
    error::CliError,
    output::{self, bold, faint, green, red, say, yellow},
    tables,
};

pub(super) async fn run(
    first: &str,
    second: Option<&str>,
    app: Option<AppId>,
    as_json: bool,
    stack: Option<&str>,
) -> Result<(), CliError> {
    let (before, after) = match second {
        Some(second) => (open(Some(first), app, stack).await?, open(Some(second), app, stack).await?),
        None => (open(None, app, stack).await?, open(Some(first), app, stack).await?),
    };
    let changes = changes(&before.value, &after.value);
    let (was, is) = (before.ruleset()?, after.ruleset()?);
    let answers = changed_answers(&was, &is);
    if as_json {
        let changes: Vec<_> = changes.iter().map(change_json).collect();
        let answers: Vec<_> = answers.iter().map(answer_json).collect();
        return output::json(
            &json!({ "before": before.name, "after": after.name, "changes": changes, "answers": answers }),
        );
    }
    say!("From {} to {}", bold(&before.name), bold(&after.name))?;
    show(&changes, &answers)?;
    if is.emergency.is_some_and(|emergency| emergency.on) {
        say!("{}", yellow("But the emergency switch is on: no rule is asked."))?;
    }
    Ok(())
}

/// A version of an app, the active one if none is named, or a file.
async fn open(what: Option<&str>, app: Option<AppId>, stack: Option<&str>) -> Result<Document, CliError> {
    let version = what.map(str::parse::<u64>);
    let version = match (version, app) {
        (Some(Err(_)), _) => return Document::open(what.unwrap_or_default().as_ref()),
        (Some(Ok(version)), None) => {
            return Err(CliError::said(format!("whose version {version}? Name the app with --app")));
        }
        (version, app) => (version.and_then(Result::ok), app),
    };
    let app = version.1.ok_or_else(|| CliError::said("name the app with --app"))?;
    let store = tables::open(stack).await?;
    let version = match version.0 {
        Some(version) => version,
        None => store.active_version(app).await?.ok_or_else(|| nothing_published(app))?.version,
    };
    Document::parse(format!("version {version}"), source(&store, app, version).await?)
}

fn show(changes: &[Change], answers: &[AnswerChange]) -> Result<(), CliError> {
    if changes.is_empty() {
        say!("\nThe rules are the same")?;
    }
    let mut section = "";
    for change in changes {
        if change.section != section {
            section = &change.section;
            say!("\n{}", bold(section))?;
        }
        show_change(change)?;
    }
    if answers.is_empty() {
        return say!("\nEvery test is answered as before");
    }
    say!("\n{}", bold("tests that are answered otherwise"))?;
    for AnswerChange { test, before, after } in answers {
        say!("  {}", test)?;
        say!("    {} {}: {}", red("-"), before.0, before.1)?;
        say!("    {} {}: {}", green("+"), after.0, after.1)?;
    }
    Ok(())
}

fn show_change(change: &Change) -> Result<(), CliError> {
    let name = change.name.as_deref().map(|name| format!("{name}  ")).unwrap_or_default();
    match &change.kind {
        ChangeKind::Added(value) => say!("  {} {}{}", green("+"), name, faint(value)),
        ChangeKind::Removed(value) => say!("  {} {}{}", red("-"), name, faint(value)),
        ChangeKind::Renamed { from, redraws } => {
            let anew = if *redraws { "; its name was the salt, so that users are drawn anew" } else { "" };
            say!("  {} {}was {}{}", yellow("~"), name, from, anew)
        }
        ChangeKind::Moved { behind } => {
            let place =
                behind.as_ref().map_or("moved to the top".into(), |behind| format!("moved behind {behind}"));
            say!("  {} {}{}", yellow(">"), name, place)
        }
        ChangeKind::Changed(keys) => {
            say!("  {} {}", yellow("~"), name.trim_end())?;
            for KeyChange { key, before, after } in keys {
                let key = if key.is_empty() { String::new() } else { format!("{key}: ") };
                before.iter().try_for_each(|value| say!("      {} {}{}", red("-"), key, value))?;
                after.iter().try_for_each(|value| say!("      {} {}{}", green("+"), key, value))?;
            }
            Ok(())
        }
    }
}

fn change_json(change: &Change) -> Value {
    let (kind, details) = match &change.kind {
        ChangeKind::Added(value) => ("added", json!({ "after": value })),
        ChangeKind::Removed(value) => ("removed", json!({ "before": value })),
        ChangeKind::Renamed { from, redraws } => ("renamed", json!({ "from": from, "redraws": redraws })),
        ChangeKind::Moved { behind } => ("moved", json!({ "behind": behind })),
        ChangeKind::Changed(keys) => {
            let key = |change: &KeyChange| json!({ "key": change.key, "before": change.before, "after": change.after });
            ("changed", keys.iter().map(key).collect())
        }
    };
    json!({ "section": change.section, "name": change.name, "change": kind, "details": details })
}

fn answer_json(change: &AnswerChange) -> Value {
    let side = |(rule, answer): &(String, String)| json!({ "rule": rule, "answer": answer });
    json!({ "test": change.test, "before": side(&change.before), "after": side(&change.after) })
}
