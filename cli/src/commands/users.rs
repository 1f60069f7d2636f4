use std::io::IsTerminal;

use desk_webhooks::{
    protocol::{AppId, EventTime},
    routing::Attributes,
    store::{Receipt, Store, ports::ReadFacts},
};
use serde_json::{Value, json};

use super::print_json;
use crate::{
    args::Users,
    error::CliError,
    output::{faint, green, now_ms, printable},
    tables,
};

pub(super) async fn run(command: Users, stack: Option<&str>) -> Result<(), CliError> {
    let store = tables::open(stack).await?;
    match command {
        Users::Set { user, app, tags, untags, language, attributes } => {
            let change =
                |known: &mut Attributes| change(known, &tags, &untags, language.as_ref(), &attributes);
            let known = store.change_attributes(app.id, &user, change).await?;
            show(app.id, &user, &known);
        }
        Users::Erase { user, app, yes, quarantine_days, json } => {
            if !yes {
                confirm(app.id, &user)?;
            }
            erase(&store, app.id, &user, quarantine_days, json).await?;
        }
        Users::Show { user, app, json } => {
            let known = store.attributes(app.id, &user).await?;
            if json {
                print_json(
                    &json!({ "user": user, "tags": known.tags, "language": known.language, "attributes": known.attributes }),
                );
            } else {
                show(app.id, &user, &known);
            }
        }
    }
    Ok(())
}

/// What destroys asks first; where nobody can be asked, it does nothing.
fn confirm(app: AppId, user: &str) -> Result<(), CliError> {
    let mut answer = String::new();
    if std::io::stdin().is_terminal() {
        anstream::eprint!("Erase all that is known of user {user} of app {app}? It cannot be undone. [y/N] ");
        std::io::stdin().read_line(&mut answer).map_err(|error| CliError::said(error.to_string()))?;
    }
    if ["y", "yes"].contains(&answer.trim().to_lowercase().as_str()) {
        return Ok(());
    }
    Err(CliError::said("nothing was erased; say yes, or --yes where nobody can be asked"))
}

async fn erase(store: &Store, app: AppId, user: &str, days: u64, json: bool) -> Result<(), CliError> {
    const DAY_MS: u64 = 86_400_000;
    const EVERY: u64 = 50;
    let mut receipt = store
        .erase_user(app, user, |so_far| {
            if so_far.sessions.is_multiple_of(EVERY as usize) {
                anstream::eprintln!("{} sessions", so_far.sessions);
            }
        })
        .await?;
    let now = now_ms();
    for day in 0..=days {
        let on = EventTime::from_ms(now.saturating_sub(day * DAY_MS)).unwrap_or(EventTime::MAX);
        receipt.quarantined += store.erase_quarantined(app, user, on).await?;
        if day > 0 && day.is_multiple_of(EVERY) {
            anstream::eprintln!("{day} of {days} days of quarantine");
        }
    }
    if json {
        print_json(&json!(receipt));
        return Ok(());
    }
    let Receipt { sessions, items, quarantined, of_the_user } = receipt;
    anstream::println!(
        "{}: {sessions} sessions with {items} items, {of_the_user} of profile and attributes, {quarantined} in quarantine",
        green("erased")
    );
    Ok(())
}

fn change(
    known: &mut Attributes,
    tags: &[String],
    untags: &[String],
    language: Option<&String>,
    attributes: &[(String, String)],
) {
    for tag in tags {
        if !known.tags.contains(tag) {
            known.tags.push(tag.clone());
        }
    }
    known.tags.retain(|tag| !untags.contains(tag));
    if let Some(language) = language {
        known.language = Some(language.clone()).filter(|language| !language.is_empty());
    }
    for (name, value) in attributes {
        if value.is_empty() {
            known.attributes.remove(name);
        } else {
            known.attributes.insert(name.clone(), Value::String(value.clone()));
        }
    }
}

fn show(app: AppId, user: &str, known: &Attributes) {
    let none = || faint("none");
    let or_none = |text: String| if text.is_empty() { none() } else { printable(&text) };
    let attributes: Vec<_> =
        known.attributes.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    anstream::println!("User {} of app {app}", printable(user));
    anstream::println!("  tags        {}", or_none(known.tags.join(", ")));
    anstream::println!("  language    {}", known.language.as_deref().map_or_else(none, printable));
    anstream::println!("  attributes  {}", or_none(attributes.join(", ")));
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
