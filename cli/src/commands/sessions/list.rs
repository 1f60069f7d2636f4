//! Lists of sessions.

use desk_webhooks::{
    protocol::AppId,
    store::{SessionRow, Sessions, Store},
};
use jiff::{Timestamp, civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::rules;
use crate::{
    error::CliError,
    output::{JsonList, duration, moment, note, now_ms, shell_word, table, text, timestamp, zone_name},
};

/// A screenful or two; programs get all.
const PAGE: usize = 100;

/// What `desk sessions list` is asked for.
pub(super) struct Wanted {
    pub(super) app: AppId,
    pub(super) day: Option<Date>,
    pub(super) user: Option<String>,
    pub(super) limit: Option<usize>,
    pub(super) after: Option<String>,
    pub(super) json: bool,
}

pub(super) async fn run(store: &Store, wanted: Wanted) -> Result<(), CliError> {
    let Wanted { app, day, user, limit, after, json } = wanted;
    let after = match after {
        None => None,
        Some(session) => {
            let row = match &user {
                None => store.session(app, &session).await?,
                Some(user) => store.session_of_user(app, &session, user).await?,
            };
            Some(row.ok_or_else(|| {
                CliError::said(format!("--after: nothing is known of session {session} of app {app}"))
            })?)
        }
    };
    let now_seconds = now_ms() / 1000;
    let mut sessions = match day {
        Some(day) => store.sessions_of_day(app, &day.to_string(), after, now_seconds),
        None => store.sessions_of_user(app, &user.unwrap_or_default(), after, now_seconds),
    };
    if json {
        return print(&mut sessions, limit.unwrap_or(usize::MAX)).await;
    }
    let rows = sessions.take(limit.unwrap_or(PAGE)).await?;
    show(&rows, &rules::zone(store, app).await)?;
    if let Some(last) = rows.last()
        && !sessions.take(1).await?.is_empty()
    {
        note!("there are more; go on with --after={}", shell_word(&last.session));
    }
    Ok(())
}

/// One JSON list, written as it is read.
async fn print(sessions: &mut Sessions<'_>, limit: usize) -> Result<(), CliError> {
    let (mut list, mut printed) = (JsonList::default(), 0);
    while printed < limit {
        let rows = sessions.take(PAGE.min(limit - printed)).await?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            list.item(&row_json(&row))?;
            printed += 1;
        }
    }
    list.end()
}

fn began_at(row: &SessionRow) -> Timestamp {
    timestamp(row.began_at.parse().unwrap_or_default())
}

pub(super) fn row_json(row: &SessionRow) -> Value {
    json!({
        "session": row.session, "user": row.user, "channel": row.channel, "agent": row.agent,
        "began_at": began_at(row), "ended_at": row.ended_at.map(timestamp),
    })
}

fn show(rows: &[SessionRow], zone: &TimeZone) -> Result<(), CliError> {
    if rows.is_empty() {
        note!("no sessions");
        return Ok(());
    }
    let cells: Vec<_> = rows
        .iter()
        .map(|row| {
            let or_none = |text: &Option<String>| text!("{}", text.as_deref().unwrap_or("-"));
            let lasted =
                row.ended_at.map(|end| duration(end.saturating_sub(row.began_at.parse().unwrap_or(end))));
            [
                text!("{}", moment(began_at(row), zone)),
                or_none(&lasted),
                text!("{}", row.session),
                or_none(&row.user),
                or_none(&row.channel),
                or_none(&row.agent),
            ]
        })
        .collect();
    let began = format!("began ({})", zone_name(zone));
    table([&began, "lasted", "session", "user", "channel", "agent"], &cells)
}
