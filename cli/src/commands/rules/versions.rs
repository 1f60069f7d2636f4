//! The published versions.

use desk_webhooks::{
    protocol::AppId,
    store::{InForce, Store, ports::FindRules},
};
use serde_json::json;

use super::{nothing_published, when, zone};
use crate::{
    error::CliError,
    output::{self, document, moment, say, table, text, timestamp, zone_name},
};

pub(super) async fn list(store: &Store, app: AppId, as_json: bool) -> Result<(), CliError> {
    let versions = store.rules_versions(app).await?;
    let active = store.rules_in_force(app).await?;
    let is_active = |version| active.as_ref().is_some_and(|active| active.version == version);
    if as_json {
        let versions: Vec<_> = versions
            .iter()
            .map(|v| json!({ "version": v.version, "active": is_active(v.version), "author": v.author, "note": v.note, "at": timestamp(v.at), "sha256": v.sha256, "tests_passed": v.tests }))
            .collect();
        return output::json(&versions);
    }
    let Some(InForce { version: active, by, at, note, .. }) = &active else {
        return Err(nothing_published(app));
    };
    let zone = zone(store, app).await;
    let rows: Vec<_> = versions
        .into_iter()
        .map(|version| {
            let state = if is_active(version.version) { "active" } else { "" };
            let tests = version.tests.map_or_else(|| text!("?"), |tests| text!("{} passed", tests));
            let at = moment(timestamp(version.at), &zone);
            let number = text!("{}", version.version);
            let (author, note) = (text!("{}", version.author), text!("{}", version.note));
            [number, text!("{}", state), text!("{}", at), author, tests, note]
        })
        .collect();
    table(["version", "", &format!("published ({})", zone_name(&zone)), "by", "tests", "note"], &rows)?;
    let note = note.as_ref().map(|note| format!(": {note}")).unwrap_or_default();
    say!("\nVersion {} is in force since {}, by {}{}", active, when(*at, &zone), by, note)
}

pub(super) async fn show(store: &Store, app: AppId, version: Option<u64>) -> Result<(), CliError> {
    let version = match version {
        Some(version) => version,
        None => store.active_version(app).await?.ok_or_else(|| nothing_published(app))?.version,
    };
    document(&source(store, app, version).await?)
}

/// A version as it was written.
pub(super) async fn source(store: &Store, app: AppId, version: u64) -> Result<String, CliError> {
    let missing = || {
        CliError::said(format!("app {app} has no version {version}; `desk rules list` shows what there is"))
    };
    store.rules_source(app, version).await?.ok_or_else(missing)
}
