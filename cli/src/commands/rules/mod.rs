//! Rulesets: from a first file to what is in force.

mod check;
mod diff;
mod versions;

use desk_webhooks::{
    protocol::AppId,
    routing::{Ruleset, json_schema, read},
    store::{InForce, Mover, Publication, PublishError, Store, ports::FindRules},
};
use jiff::tz::TimeZone;

use super::explain;
use crate::{
    args::Rules,
    document::Document,
    error::CliError,
    output::{self, document, green, moment, now_ms, say, shell_word, timestamp, zone_name},
    stack::require_served,
    tables,
};

/// What `desk rules init` prints is what `make run` publishes: a ruleset whose tests pass.
const STARTER: &str = include_str!("../../../../rules/example.yaml");

pub(super) async fn run(command: Rules, stack: Option<&str>) -> Result<(), CliError> {
    match command {
        Rules::Init => document(STARTER),
        Rules::Schema => output::json(&json_schema()),
        Rules::Check { file, json } => check::run(&file, json),
        Rules::Explain(arguments) => explain::run(arguments, stack).await,
        Rules::Publish { file, app, expect, force, note, author } => {
            let document = Document::open(&file)?;
            let tests = check::require(&document)?;
            if let Some(stack) = stack.filter(|_| !force) {
                require_served(stack, app.id).await?;
            }
            let store = tables::open(stack).await?;
            let seen = store.rules_in_force(app.id).await?;
            let publication = Publication {
                source: &document.source,
                document: &document.value,
                author: &author.name,
                note: &note,
                at_ms: now_ms(),
                tests,
            };
            let published = match (expect, &seen) {
                (Some(_), None) => Err(PublishError::NothingYet),
                (Some(expected), Some(seen)) if expected != seen.version => {
                    Err(PublishError::Moved(seen.clone()))
                }
                _ => store.publish(app.id, publication, seen.as_ref()).await,
            };
            let version = match published {
                Ok(version) => version,
                Err(error) => return Err(first_come(&store, error, app.id, &document.name).await),
            };
            let was = seen.map(|was| format!("; it was version {}, by {}", was.version, was.by));
            let (published, was) = (green("published"), was.unwrap_or_default());
            say!("{}: version {} is active for app {}{}", published, version, app.id, was)
        }
        Rules::Diff { first, second, app, json } => {
            diff::run(&first, second.as_deref(), app, json, stack).await
        }
        Rules::Rollback { version, app, note, author } => {
            let store = tables::open(stack).await?;
            let mover = Mover { by: &author.name, note: &note, at_ms: now_ms() };
            roll_back(&store, app.id, version, mover).await
        }
        Rules::List { app, json } => versions::list(&tables::open(stack).await?, app.id, json).await,
        Rules::Show { version, app } => versions::show(&tables::open(stack).await?, app.id, version).await,
    }
}

/// Another writer was first: who, when, and what to do now.
async fn first_come(store: &Store, error: PublishError, app: AppId, file: &str) -> CliError {
    match error {
        PublishError::Moved(InForce { version, by, at, .. }) => CliError::said(format!(
            "version {version} is active since {}, put there by {by}, so nothing was published; see what changed with \
             `desk rules diff {file} --app {app}`, take it over, and publish with --expect {version}",
            when(at, &zone(store, app).await),
            file = shell_word(file),
        )),
        error => error.into(),
    }
}

async fn roll_back(
    store: &Store,
    app: AppId,
    version: Option<u64>,
    mover: Mover<'_>,
) -> Result<(), CliError> {
    let seen = store.rules_in_force(app).await?.ok_or_else(|| nothing_published(app))?;
    let active = seen.version;
    let to = match version {
        Some(version) if version == active => {
            return Err(CliError::said(format!("version {version} is active already")));
        }
        Some(version) => {
            let found = store.newest_rules(app, Some(version)).await?;
            found.filter(|found| found.version == version).ok_or_else(|| no_version(app, version))?
        }
        None => {
            let none = || {
                CliError::said(format!(
                    "there is no version before {active}; `desk rules list --app {app}` shows what there is, and `desk rules rollback VERSION` takes any"
                ))
            };
            store.newest_rules(app, Some(active.saturating_sub(1))).await?.ok_or_else(none)?
        }
    };
    // What functions could not load must not be put in force.
    ruleset(store, app, to.version).await?;
    match store.roll_back(app, &to, mover, &seen).await {
        Ok(()) => {}
        Err(PublishError::Moved(InForce { version, by, at, .. })) => {
            return Err(CliError::said(format!(
                "version {version} is active since {}, put there by {by}, and {active} was when this rollback began, so nothing was changed; \
                 look at `desk rules list --app {app}` first",
                when(at, &zone(store, app).await),
            )));
        }
        Err(error) => return Err(error.into()),
    }
    say!("{}: version {} is active for app {}, {} was", green("rolled back"), to.version, app, active)
}

fn no_version(app: AppId, version: u64) -> CliError {
    CliError::said(format!(
        "there is no version {version} of the rules of app {app}; `desk rules list --app {app}` shows what there is"
    ))
}

/// A published version, ready to decide.
pub(super) async fn ruleset(store: &Store, app: AppId, version: u64) -> Result<Ruleset, CliError> {
    let document = store.rules(app, version).await?.document;
    read(&document).map_err(|findings| {
        let first = findings.first().map(ToString::to_string).unwrap_or_default();
        CliError::said(format!("version {version} is not understood by this version of desk: {first}"))
    })
}

pub(super) fn nothing_published(app: AppId) -> CliError {
    CliError::said(format!(
        "nothing is published for app {app}; `desk rules publish FILE --app {app}` does it"
    ))
}

/// The zone of the active ruleset, in which people see times; UTC when it cannot be had.
pub(super) async fn zone(store: &Store, app: AppId) -> TimeZone {
    let Ok(Some(active)) = store.active_version(app).await else { return TimeZone::UTC };
    ruleset(store, app, active.version).await.map_or(TimeZone::UTC, |ruleset| ruleset.timezone)
}

/// A moment with its zone's name, for a sentence.
pub(super) fn when(at: u64, zone: &TimeZone) -> String {
    format!("{} ({})", moment(timestamp(at), zone), zone_name(zone))
}
