//! What was verified and not understood.

use std::time::Duration;

use desk_webhooks::{
    protocol::{AppId, Command, EventTime, command_of},
    session::{ProfileChange, Understood, understand},
    store::{
        Quarantined, Store,
        ports::{FoldSessions, KeepEvents, KeepStatuses, Reach, Received},
    },
};
use jiff::{civil::Date, tz::TimeZone};
use serde_json::{Value, json};

use super::{print_json, rules::zone};
use crate::{
    args::Quarantine,
    error::CliError,
    output::{green, moment, now_ms, printable, printable_json, table, timestamp, zone_name},
    tables,
};

pub(super) async fn run(command: Quarantine, stack: Option<&str>) -> Result<(), CliError> {
    let store = tables::open(stack).await?;
    match command {
        Quarantine::List { app, day, json } => {
            let entries = of_day(&store, app.id, midnight(day)).await?;
            if json {
                print_json(&entries.iter().map(to_json).collect());
            } else {
                list(&entries, &zone(&store, app.id).await);
            }
        }
        Quarantine::Show { entry, app } => {
            let none =
                || CliError::said(format!("there is no entry {entry}; `desk quarantine list` names them"));
            // The name of an entry begins with the time of its receipt.
            let at = entry.split('#').next().and_then(|ms| ms.parse().ok()).ok_or_else(none)?;
            let entries = of_day(&store, app.id, at).await?;
            let found = entries.into_iter().find(|known| known.id.starts_with(&entry)).ok_or_else(none)?;
            println!("{}", printable_json(&found.body));
        }
        Quarantine::Replay { app, day, json } => {
            let (replayed, left) = replay(&store, app.id, midnight(day)).await?;
            if json {
                print_json(&json!({ "replayed": replayed, "left": left }));
            } else {
                anstream::println!("{}: {replayed}; {left} still not understood", green("replayed"));
            }
        }
    }
    Ok(())
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
    for entry in of_day(store, app, at_ms).await? {
        let command = match &entry.command {
            Some(command) => Some(Command::from_wire(command)),
            None => command_of(&entry.body).ok().flatten(),
        };
        let understood = command.and_then(|command| understand(app, &command, &entry.body).ok());
        let Some(understood) = understood else {
            left += 1;
            continue;
        };
        keep(store, app, &entry, &understood).await?;
        // Only what is kept in its place may go from here.
        store.release(app, EventTime::from_ms(at_ms).unwrap_or(EventTime::MAX), &entry.id).await?;
        replayed += 1;
        if replayed % EVERY == 0 {
            anstream::eprintln!("{replayed} entries");
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

async fn of_day(store: &Store, app: AppId, at_ms: u64) -> Result<Vec<Quarantined>, CliError> {
    let on = EventTime::from_ms(at_ms).unwrap_or(EventTime::MAX);
    Ok(store.quarantined(app, on, now_ms() / 1000).await?)
}

fn to_json(entry: &Quarantined) -> Value {
    let Quarantined { id, command, reason, received_at_ms, body, .. } = entry;
    json!({ "entry": id, "command": command, "reason": reason, "received_at": timestamp(*received_at_ms), "body": body })
}

fn list(entries: &[Quarantined], zone: &TimeZone) {
    if entries.is_empty() {
        anstream::eprintln!("nothing is in quarantine on that day");
        return;
    }
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            // So much of the digest tells two of one millisecond apart.
            let name: String = entry.id.chars().take(22).collect();
            [moment(timestamp(entry.received_at_ms), zone), name, printable(&entry.reason)]
        })
        .collect();
    table([&format!("received ({})", zone_name(zone)), "entry", "not understood"], &rows);
}
