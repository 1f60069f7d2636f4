use std::{collections::BTreeMap, io::IsTerminal};

use desk_webhooks::{
    protocol::{AppId, EventTime},
    routing::Profile,
    store::{Receipt, Store, StoredAttributes, UserChange, ports::ReadFacts},
};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;

use super::rules::{when, zone};
use crate::{
    args::Users,
    error::CliError,
    output::{self, ask, faint, green, note, now_ms, say, text, timestamp},
    tables,
};

pub(super) async fn run(command: Users, stack: Option<&str>) -> Result<(), CliError> {
    let store = tables::open(stack).await?;
    match command {
        Users::Set { user, app, tags, untags, language, attributes } => {
            let attributes = attributes.into_iter().collect();
            let change = UserChange { tags, untags, language, attributes };
            let known = store.change_attributes(app.id, &user, &change).await?;
            show(&store, app.id, &user, &known).await
        }
        Users::Erase { user, app, yes, quarantine_days, json } => {
            if !yes {
                confirm(app.id, &user)?;
            }
            erase(&store, app.id, &user, quarantine_days, json).await
        }
        Users::Show { user, app, json } => {
            let known = store.stored_attributes(app.id, &user).await?;
            if json {
                output::json(&UserJson::new(&user, &known, &store.profile(app.id, &user).await?))
            } else {
                show(&store, app.id, &user, &known).await
            }
        }
    }
}

/// The facts that rules know of a user. Numbers have all the digits that are stored.
#[derive(Serialize)]
struct UserJson<'a> {
    user: &'a str,
    tags: &'a [String],
    language: Option<&'a str>,
    attributes: &'a BTreeMap<String, Box<RawValue>>,
    last_agent: Option<&'a str>,
    last_agent_at: Option<Timestamp>,
    last_rating: Option<i64>,
    last_rating_at: Option<Timestamp>,
}

impl<'a> UserJson<'a> {
    fn new(user: &'a str, known: &'a StoredAttributes, profile: &'a Profile) -> Self {
        let at = |at: Option<EventTime>| at.map(|at| timestamp(at.as_ms()));
        Self {
            user,
            tags: &known.tags,
            language: known.language.as_deref(),
            attributes: &known.attributes,
            last_agent: profile.last_agent.as_deref(),
            last_agent_at: at(profile.last_agent_at),
            last_rating: profile.last_rating,
            last_rating_at: at(profile.last_rating_at),
        }
    }
}

/// What destroys asks first; where nobody can be asked, it does nothing.
fn confirm(app: AppId, user: &str) -> Result<(), CliError> {
    let mut answer = String::new();
    if std::io::stdin().is_terminal() {
        let question =
            text!("Erase all that is known of user {} of app {}? It cannot be undone. [y/N]", user, app);
        answer = ask(&question).map_err(|error| CliError::said(error.to_string()))?;
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
        .erase_user(app, user, now_ms(), |so_far| {
            if so_far.sessions.is_multiple_of(EVERY as usize) {
                note!("{} sessions", so_far.sessions);
            }
        })
        .await?;
    let now = now_ms();
    for day in 0..=days {
        let on = EventTime::from_ms(now.saturating_sub(day * DAY_MS)).unwrap_or(EventTime::MAX);
        receipt.quarantined += store.erase_quarantined(app, user, on).await?;
        if day > 0 && day.is_multiple_of(EVERY) {
            note!("{} of {} days of quarantine", day, days);
        }
    }
    if json {
        return output::json(&receipt);
    }
    let Receipt { sessions, shared, items, quarantined, of_the_user } = receipt;
    let shared = if shared == 0 { String::new() } else { format!(" and of {shared} of other users") };
    say!(
        "{}: {} sessions{} with {} items, {} of profile and attributes, {} in quarantine",
        green("erased"),
        sessions,
        shared,
        items,
        of_the_user,
        quarantined
    )
}

async fn show(store: &Store, app: AppId, user: &str, known: &StoredAttributes) -> Result<(), CliError> {
    let profile = store.profile(app, user).await?;
    let zone = zone(store, app).await;
    let none = || faint("none");
    let or_none = |text: String| if text.is_empty() { none() } else { text!("{}", text) };
    let since = |what: Option<String>, at: Option<EventTime>| {
        let at = at.map(|at| format!(", {}", when(at.as_ms(), &zone))).unwrap_or_default();
        or_none(what.map(|what| what + &at).unwrap_or_default())
    };
    let attributes: Vec<_> =
        known.attributes.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
    say!("User {} of app {}", user, app)?;
    say!("  tags         {}", or_none(known.tags.join(", ")))?;
    say!("  language     {}", or_none(known.language.clone().unwrap_or_default()))?;
    say!("  attributes   {}", or_none(attributes.join(", ")))?;
    say!("  last agent   {}", since(profile.last_agent, profile.last_agent_at))?;
    let rating = profile.last_rating.map(|rating| format!("{rating} of 5"));
    say!("  last rating  {}", since(rating, profile.last_rating_at))
}

/// A text as it is, anything else as JSON.
fn plain(value: &RawValue) -> String {
    serde_json::from_str(value.get()).unwrap_or_else(|_| value.get().to_owned())
}
