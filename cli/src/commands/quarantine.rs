//! What was verified and not understood.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use desk_webhooks::{
    protocol::{AppId, Command, EventTime, command_of},
    session::{ProfileChange, Understood, understand},
    store::{
        QuarantineEntries, Quarantined, Store,
        ports::{FoldSessions, KeepEvents, KeepStatuses, Reach, Received},
    },
};
use jiff::{civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::rules::zone;
use crate::{
    args::Quarantine,
    error::CliError,
    output::{
        self, JsonList, Text, bold, document, green, moment, note, now_ms, padded, say, text, timestamp,
        zone_name,
    },
    tables,
};

pub(super) async fn run(command: Quarantine, stack: Option<&str>) -> Result<(), CliError> {
    let store = tables::open(stack).await?;
    match command {
        Quarantine::List { app, day, json } => {
            let entries = of_day(&store, app.id, midnight(day));
            if json { print(entries).await } else { list(entries, &zone(&store, app.id).await).await }
        }
        Quarantine::Show { entry, app } => {
            let none =
                || CliError::said(format!("there is no entry {entry}; `desk quarantine list` names them"));
            // The name of an entry begins with the time of its receipt.
            let at = entry.split('#').next().and_then(|ms| ms.parse().ok()).ok_or_else(none)?;
            let found = store.quarantine_entry(app.id, on(at), &entry, now_ms() / 1000).await?;
            let found = found.ok_or_else(none)?;
            let body = match text_or_base64(&found.body) {
                Ok(text) => text.to_owned(),
                Err(base64) => {
                    note!("the body is not UTF-8; it is printed in base64");
                    base64
                }
            };
            document(&format!("{body}\n"))
        }
        Quarantine::Replay { app, day, json } => {
            let (replayed, left) = replay(&store, app.id, midnight(day)).await?;
            if json {
                output::json(&json!({ "replayed": replayed, "left": left }))
            } else {
                say!("{}: {}; {} still not understood", green("replayed"), replayed, left)
            }
        }
    }
}

/// A day's first moment, or this one.
fn midnight(day: Option<Date>) -> u64 {
    let midnight = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
    midnight.map_or_else(now_ms, |midnight| midnight.timestamp().as_millisecond().unsigned_abs())
}

/// Keeps what is understood by now. Returns how many entries that were, and how many are left.
async fn replay(store: &Store, app: AppId, at_ms: u64) -> Result<(usize, usize), CliError> {
    const EVERY: usize = 100;
    let (mut replayed, mut left) = (0, 0);
    let mut entries = of_day(store, app, at_ms);
    while let Some(entry) = entries.next().await? {
        // An empty command is absent: neither the query nor the body named one that was known then.
        let command = match entry.command.as_deref() {
            None | Some("") => command_of(&entry.body),
            Some(command) => Some(Command::from_wire(command)),
        };
        let understood = command.and_then(|command| understand(app, &command, &entry.body).ok());
        let Some(understood) = understood else {
            left += 1;
            continue;
        };
        keep(store, app, &entry, &understood).await?;
        // Only what is kept in its place may go from here.
        store.release(app, on(at_ms), &entry.id).await?;
        replayed += 1;
        if replayed % EVERY == 0 {
            note!("{} entries", replayed);
        }
    }
    Ok((replayed, left))
}

/// By the same writes as session-events, and with the time of receipt that the entry has.
async fn keep(
    store: &Store,
    app: AppId,
    entry: &Quarantined,
    understood: &Understood,
) -> Result<(), CliError> {
    let received_at_ms = entry.received_at_ms;
    let lasts = entry.expires_at.map(|at| Duration::from_secs(at.saturating_sub(received_at_ms / 1000)));
    let store = store.forgetting_after(lasts);
    let received = Received { app, body: &entry.body, at_ms: received_at_ms };
    match understood {
        Understood::Session(event) => {
            store.append(received, event).await?;
            store.ensure_summary(received, event).await?;
            if let (Some(user), Some(change)) = (&event.client_user_id, ProfileChange::of(event)) {
                store.move_profile(received, user, event.event_time, &change).await?;
            }
            store.fold(app, &event.session_id, Reach::Whole, now_ms()).await?;
        }
        Understood::Member(event) => {
            store.append_status(received, event).await?;
            store.move_status(received, event).await?;
        }
    }
    Ok(())
}

fn on(at_ms: u64) -> EventTime {
    EventTime::from_ms(at_ms).unwrap_or(EventTime::MAX)
}

fn of_day(store: &Store, app: AppId, at_ms: u64) -> QuarantineEntries<'_> {
    store.quarantined(app, on(at_ms), now_ms() / 1000)
}

/// One JSON list, written as it is read.
async fn print(mut entries: QuarantineEntries<'_>) -> Result<(), CliError> {
    let mut list = JsonList::default();
    while let Some(entry) = entries.next().await? {
        list.item(&to_json(&entry))?;
    }
    list.end()
}

fn to_json(entry: &Quarantined) -> Value {
    let Quarantined { id, command, reason, received_at_ms, body, .. } = entry;
    let mut json = json!({ "entry": id, "command": command, "reason": reason, "received_at": timestamp(*received_at_ms) });
    match text_or_base64(body) {
        Ok(text) => json["body"] = json!(text),
        Err(base64) => json["body_base64"] = json!(base64),
    }
    json
}

/// A body as it can be printed without losing any of it.
fn text_or_base64(body: &[u8]) -> Result<&str, String> {
    std::str::from_utf8(body).map_err(|_| STANDARD.encode(body))
}

/// One row at a time: a day may have more entries than memory has room for.
async fn list(mut entries: QuarantineEntries<'_>, zone: &TimeZone) -> Result<(), CliError> {
    /// So much of the digest tells two of one millisecond apart.
    const NAME: usize = 22;
    let received = format!("received ({})", zone_name(zone));
    let row = |at: &str, name: &str, reason: &str| -> Text {
        text!("{}  {}  {}", padded(at, received.len().max(19)), padded(name, NAME), reason)
    };
    let mut is_empty = true;
    while let Some(entry) = entries.next().await? {
        if is_empty {
            say!("{}", bold(row(&received, "entry", "not understood")))?;
            is_empty = false;
        }
        let name: String = entry.id.chars().take(NAME).collect();
        let at = moment(timestamp(entry.received_at_ms), zone);
        say!("{}", row(&at, &name, &entry.reason))?;
    }
    if is_empty {
        note!("nothing is in quarantine on that day");
    }
    Ok(())
}
