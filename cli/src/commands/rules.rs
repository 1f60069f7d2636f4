use desk_webhooks::{
    protocol::AppId,
    routing::Severity,
    store::{Publication, Store, ports::FindRules},
};
use jiff::tz::TimeZone;
use serde_json::json;

use super::{explain, print_json};
use crate::{
    args::Rules,
    document::{Checked, Document},
    error::CliError,
    output::{green, moment, now_ms, red, table, timestamp, zone_name},
    tables,
};

/// What `desk rules init` prints is what `make run` publishes: a ruleset whose tests pass.
const STARTER: &str = include_str!("../../../rules/example.yaml");

pub(super) async fn run(command: Rules, stack: Option<&str>) -> Result<(), CliError> {
    match command {
        Rules::Init => {
            print!("{STARTER}");
            Ok(())
        }
        Rules::Check { file } => check(&Document::open(&file)?).map(drop),
        Rules::Explain(arguments) => explain::run(arguments, stack).await,
        Rules::Publish { file, app, expect, note, author } => {
            let document = Document::open(&file)?;
            check(&document)?;
            let store = tables::open(stack).await?;
            let publication = Publication {
                source: &document.source,
                document: &document.value,
                author: &author,
                note: &note,
                at_ms: now_ms(),
                expect,
            };
            let version = store.publish(app.id, publication).await?;
            anstream::println!("{}: version {version} is active for app {}", green("published"), app.id);
            Ok(())
        }
        Rules::List { app, json } => list(&tables::open(stack).await?, app.id, json).await,
        Rules::Show { version, app } => show(&tables::open(stack).await?, app.id, version).await,
    }
}

/// Says what is wrong and how the tests went.
fn check(document: &Document) -> Result<Checked, CliError> {
    let checked = document.check();
    document.report(&checked.findings);
    let (errors, warnings) = (checked.count(Severity::Error), checked.count(Severity::Warning));
    let passed = checked.tests.iter().filter(|test| test.differences.is_empty()).count();
    let counts = checked.ruleset.as_ref().map(|ruleset| {
        let (rules, pools) = (counted(ruleset.rules.len(), "rule"), counted(ruleset.pools.len(), "pool"));
        format!("{rules}, {pools}, {passed} of {} tests pass, ", checked.tests.len())
    });
    let verdict = if errors == 0 { green("good") } else { red("not good") };
    let counts = counts.unwrap_or_default();
    let (errors_said, warnings_said) = (counted(errors, "error"), counted(warnings, "warning"));
    anstream::eprintln!("{}: {verdict}: {counts}{errors_said}, {warnings_said}", document.name);
    if errors == 0 { Ok(checked) } else { Err(CliError::Reported) }
}

fn counted(count: usize, thing: &str) -> String {
    format!("{count} {thing}{}", if count == 1 { "" } else { "s" })
}

async fn list(store: &Store, app: AppId, as_json: bool) -> Result<(), CliError> {
    let versions = store.rules_versions(app).await?;
    let active = store.active_version(app).await?;
    if as_json {
        let versions: Vec<_> = versions
            .iter()
            .map(|v| json!({ "version": v.version, "active": Some(v.version) == active, "author": v.author, "note": v.note, "at": timestamp(v.at), "sha256": v.sha256 }))
            .collect();
        print_json(&json!(versions));
        return Ok(());
    }
    if versions.is_empty() {
        return Err(nothing_published(app));
    }
    let zone = zone(store, app).await;
    let rows: Vec<_> = versions
        .into_iter()
        .map(|version| {
            let state = if Some(version.version) == active { "active" } else { "" };
            let at = moment(timestamp(version.at), &zone);
            [version.version.to_string(), state.into(), at, version.author, version.note]
        })
        .collect();
    table(["version", "", &format!("published ({})", zone_name(&zone)), "by", "note"], &rows);
    Ok(())
}

async fn show(store: &Store, app: AppId, version: Option<u64>) -> Result<(), CliError> {
    let version = match version {
        Some(version) => version,
        None => store.active_version(app).await?.ok_or_else(|| nothing_published(app))?,
    };
    let missing = || {
        CliError::said(format!("app {app} has no version {version}; `desk rules list` shows what there is"))
    };
    print!("{}", store.rules_source(app, version).await?.ok_or_else(missing)?);
    Ok(())
}

pub(super) fn nothing_published(app: AppId) -> CliError {
    CliError::said(format!(
        "nothing is published for app {app}; `desk rules publish FILE --app {app}` does it"
    ))
}

/// The zone of the active ruleset, in which people see times; UTC when it cannot be had.
pub(super) async fn zone(store: &Store, app: AppId) -> TimeZone {
    let Ok(Some(version)) = store.active_version(app).await else { return TimeZone::UTC };
    let Ok(rules) = store.rules(app, version).await else { return TimeZone::UTC };
    desk_webhooks::routing::read(&rules.document).map_or(TimeZone::UTC, |ruleset| ruleset.timezone)
}
